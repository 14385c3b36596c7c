/** The files of the rights are those that the programs have, and the script grants exactly them. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import path from "node:path"
import { assert, it } from "@effect/vitest"
import { programsWithRights, rightsOf } from "../../shared/model/rights.ts"
import { repository } from "../local/state.ts"
import { aclFiles } from "./generate.ts"

const folder = path.join(repository, "infra/acl")

it("are written by `make acl`", () => {
  for (const [name, text] of Object.entries(aclFiles()))
    assert.strictEqual(readFileSync(path.join(folder, name), "utf8"), text, `${name}: run make acl`)
})

it("are granted by the script to each program's user, under the prefix", () => {
  const { stdout, status, stderr } = spawnSync(path.join(folder, "acls.sh"), [], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], KAFKA_ACLS: "echo", CAPI_TOPIC_PREFIX: "prod.", USER_PREFIX: "capi-" }
  })
  assert.strictEqual(status, 0, stderr)
  const granted = stdout
    .trim()
    .split("\n")
    .flatMap((line) => {
      const user = /--allow-principal User:(\S+)/.exec(line)![1]
      const operation = /--operation (\S+)/.exec(line)![1]
      const pattern = line.includes("--resource-pattern-type prefixed") ? "prefixed" : "literal"
      return [...line.matchAll(/--(topic|group|transactional-id) (\S+)/g)].map(
        ([, resource, name]) => `${user} ${operation} ${resource!.replace("-", " ")} ${pattern} ${name}`
      )
    })
  const expected = programsWithRights.flatMap((program) =>
    rightsOf(program, "prod.").map(
      ({ operation, resource, pattern, name }) => `capi-${program} ${operation} ${resource} ${pattern} ${name}`
    )
  )
  assert.deepStrictEqual(granted.sort(), expected.sort())
})

it("refuses a program that does not exist", () => {
  const { status, stderr } = spawnSync(path.join(folder, "acls.sh"), ["mapperr"], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], KAFKA_ACLS: "echo" }
  })
  assert.strictEqual(status, 2)
  assert.include(stderr, "mapperr")
})
