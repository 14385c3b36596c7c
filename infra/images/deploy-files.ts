/**
 * `make deploy-files`: writes the programs into the Compose file and the Helm chart's values, between the lines "# programs" and
 * "# end of programs". A new platform needs no other change there.
 */
import { readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { connectors } from "../../shared/connectors/registry.ts"
import { platforms } from "../../shared/model/platform.ts"
import { bundleCommand, programNames } from "../local/program-files.ts"
import { repository } from "../local/state.ts"

const webhookPort = 8088

/** Programs that take a platform's callbacks over HTTP. */
const hasWebhook = (program: string): boolean =>
  Object.values(connectors).some(({ platform, webhook }) => webhook !== undefined && program === `delivery-${platform}`)

const composeService = (program: string): ReadonlyArray<string> => {
  const command = `[${bundleCommand("dist/programs", program)
    .map((part) => `"${part}"`)
    .join(", ")}]`
  if (!hasWebhook(program)) return [`${program}: { <<: *processor, command: ${command} }`]
  return [
    `${program}:`,
    "  <<: *processor",
    `  command: ${command}`,
    `  environment: { <<: *environment, CAPI_WEBHOOK_PORT: ${webhookPort} }`,
    `  ports: ["127.0.0.1:${webhookPort}:${webhookPort}"]`
  ]
}

const chartProcessor = (program: string): string =>
  `${program}: { replicas: 2${hasWebhook(program) ? `, webhookPort: ${webhookPort}` : ""} }`

const deliveries = platforms.map((platform) => `delivery-${platform}`)

/** File → the lines between its two marks. */
export const generatedLines: Readonly<Record<string, ReadonlyArray<string>>> = {
  "infra/compose/compose.yaml": programNames.flatMap(composeService).map((line) => `  ${line}`),
  "infra/helm/capi-relay/values.yaml": [
    "# `programs` puts several into one process, which costs less CPU for many platforms (docs/performance.md); such as, in the place",
    "# of the deliveries (set to null):",
    `#   deliveries: { replicas: 2, webhookPort: ${webhookPort}, programs: [${deliveries.join(", ")}] }`,
    "# webhookPort: the platform's callbacks; put an Ingress with TLS before the program's Service.",
    "processors:",
    ...programNames.map((program) => `  ${chartProcessor(program)}`)
  ]
}

const startMark = "# programs: made by `make deploy-files`"
const endMark = "# end of programs"

/** The text with its generated lines as they should be. */
export const withGeneratedLines = (file: string, text: string): string => {
  const lines = text.split("\n")
  const start = lines.findIndex((line) => line.trim() === startMark)
  const end = lines.findIndex((line) => line.trim() === endMark)
  if (start === -1 || end < start) throw new Error(`${file} has no lines "${startMark}" and "${endMark}".`)
  return [...lines.slice(0, start + 1), ...generatedLines[file]!, ...lines.slice(end)].join("\n")
}

if (import.meta.main) {
  for (const file of Object.keys(generatedLines)) {
    const target = path.join(repository, file)
    writeFileSync(target, withGeneratedLines(file, readFileSync(target, "utf8")))
    process.stdout.write(`${file}\n`)
  }
}
