/** `make acl`: writes the least rights of each program (`shared/model/rights.ts`) as JSON and as a script of kafka-acls.sh. */
import { writeFileSync } from "node:fs"
import path from "node:path"
import { programsWithRights, rightsOf } from "../../shared/model/rights.ts"
import { repository } from "../local/state.ts"

/** Stands for the topic prefix, which the script takes from its environment. */
const prefix = "$" + "{CAPI_TOPIC_PREFIX:-}"

/** Contents by file of this folder. */
export const aclFiles = (): Readonly<Record<string, string>> => ({
  "rights.json": `${JSON.stringify(Object.fromEntries(programsWithRights.map((program) => [program, rightsOf(program, "")])), null, 2)}\n`,
  "acls.sh": script()
})

const script = (): string => `#!/bin/sh
# Made by \`make acl\` from shared/model/rights.ts. Grants each program its rights in Kafka's ACLs, and none more.
# KAFKA_ACLS: kafka-acls.sh with its connection. CAPI_TOPIC_PREFIX: as for the programs. USER_PREFIX: before the programs' users.
#   KAFKA_ACLS="kafka-acls.sh --bootstrap-server kafka:9093 --command-config admin.properties" USER_PREFIX=capi- infra/acl/acls.sh
# Arguments: the programs; without any, all of them. ACTION=--remove takes the rights away again.
set -eu
programs=\${*:-"${programsWithRights.join(" ")}"}
acl() { \${KAFKA_ACLS:-kafka-acls.sh --bootstrap-server localhost:9092} "\${ACTION:---add}" --allow-principal "User:\${USER_PREFIX:-}$program" "$@"; }

for program in $programs; do
  case $program in
${programsWithRights.map((program) => `    ${program})\n${commandsOf(program).join("\n")}\n      ;;`).join("\n")}
    *)
      echo "There is no program $program." >&2
      exit 2
      ;;
  esac
done
`

/** One command for all names of an operation, a resource and a pattern: each takes a JVM. */
const commandsOf = (program: string): ReadonlyArray<string> => {
  const groups = Map.groupBy(
    rightsOf(program, prefix),
    ({ operation, resource, pattern }) => `${operation} ${resource} ${pattern}`
  )
  return [...groups.values()].map((rights) => {
    const { operation, pattern } = rights[0]!
    const names = rights.map(({ resource, name }) => `--${resource.replace(" ", "-")} "${name}"`)
    const prefixed = pattern === "prefixed" ? ["--resource-pattern-type prefixed"] : []
    return `      acl ${[`--operation ${operation}`, ...prefixed, ...names].join(" ")}`
  })
}

if (import.meta.main)
  for (const [name, text] of Object.entries(aclFiles()))
    writeFileSync(path.join(repository, "infra/acl", name), text, { mode: name.endsWith(".sh") ? 0o755 : 0o644 })
