/**
 * `make deploy-files`: writes the programs into the Compose files and the Helm chart's values, between the lines "# programs" and
 * "# end of programs". A new platform or program needs no other change there.
 */
import { readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { parse } from "yaml"
import { connectors } from "../../shared/connectors/registry.ts"
import { type ConnectorKind, connectorKinds, platformOf, platforms } from "../../shared/model/platform.ts"
import { bundleCommand, programNames } from "../local/program-files.ts"
import { repository } from "../local/state.ts"
import { sandboxEnvironment } from "../sandbox/environment.ts"
import { sandboxDefaults } from "../sandbox/options.ts"
import { sandboxPlatforms } from "../sandbox/registry.ts"
import { sandboxCredentials } from "../sandbox/sandbox.ts"

const webhookPort = 8088
/** In a container, of the page; Compose publishes it on loopback. */
const consolePort = 8090
const lookupPort = 8091
/** In a container; Compose publishes it at this port for the first program, at the next ones for the others. */
export const metricsPort = 9464
/** Of the sandboxes' control interface; each platform has the next one. */
const sandboxPort = 4000

/** Programs that take a platform's callbacks over HTTP. */
const hasWebhook = (program: string): boolean =>
  Object.values(connectors).some(({ platform, webhook }) => webhook !== undefined && program === `delivery-${platform}`)

/** Programs that seal or open personal data (the original of a dead letter, a recipient), or open the store of credentials. */
export const usesMasterKey = (program: string): boolean => sealing.has(program) || opensStore(program)
/** The indexer hashes ids under a key that the root key gives, which is wrapped under the master key; the console opens originals for a redrive. */
const sealing: ReadonlySet<string> = new Set(["normalizer", "mapper", "indexer", "console"])

const isDelivery = (program: string): boolean => program.startsWith("delivery-")
/** Sends to the receivers of its file, with their secrets. */
const isNotifier = (program: string): boolean => program === "notifier"
const isConsole = (program: string): boolean => program === "console"
const isIndexer = (program: string): boolean => program === "indexer"
const opensStore = (program: string): boolean => isDelivery(program) || isNotifier(program)

/** Environment variables with secrets that only this program needs, for the sandboxes. */
export const sandboxSecretsOf = (program: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(credentials)
      .filter(([kind]) => program === `delivery-${platformOf(kind as ConnectorKind)}`)
      .map(([, { variable }]) => [variable, allVariables[variable]!])
  )

const credentials = sandboxCredentials(sandboxDefaults)
const sandboxUrls = Object.fromEntries(
  sandboxPlatforms.map((name, index) => [name, `http://sandbox:${sandboxPort + index + 1}`])
)
const allVariables = sandboxEnvironment(sandboxUrls, sandboxDefaults)
const hosts = Object.entries(allVariables).filter(([name]) => name.endsWith("_HOST"))

const indexFile = "/index/events.db"

const list = (items: ReadonlyArray<string>): string => `[${items.join(", ")}]`
const quoted = (items: ReadonlyArray<string>): string => list(items.map((item) => `"${item}"`))

/** Without a token the console runs, and does not serve the page. */
const consoleToken = `CAPI_CONSOLE_TOKEN: "\${CAPI_CONSOLE_TOKEN:-}"`

const composeService = (program: string, index: number): ReadonlyArray<string> => {
  const variables = [
    `<<: ${list([
      "*environment",
      ...(usesMasterKey(program) ? ["*master-key"] : []),
      ...(isIndexer(program) || isConsole(program) ? ["*lookups"] : [])
    ])}`,
    ...(hasWebhook(program) ? [`CAPI_WEBHOOK_PORT: ${webhookPort}`] : []),
    ...(isNotifier(program) ? ["CAPI_NOTIFICATIONS: /config/notifications.yaml"] : []),
    ...(isIndexer(program) ? [`CAPI_INDEXER_FILE: ${indexFile}`] : []),
    ...(isConsole(program) ? ["CAPI_CONSOLE_HOST: 0.0.0.0", `CAPI_CONSOLE_PORT: ${consolePort}`, consoleToken] : [])
  ]
  const ports = [
    `127.0.0.1:${metricsPort + index}:${metricsPort}`,
    ...(hasWebhook(program) ? [`127.0.0.1:${webhookPort}:${webhookPort}`] : []),
    ...(isConsole(program) ? [`127.0.0.1:${consolePort}:${consolePort}`] : [])
  ]
  const files = ["settings.env", `credentials/${program}.env`].map((file) => `{ path: ${file}, required: false }`)
  return [
    `${program}:`,
    "  <<: *program",
    `  command: ${quoted(bundleCommand("dist/programs", program))}`,
    ...environmentOf(variables),
    `  env_file: ${list(files)}`,
    `  ports: ${quoted(ports)}`,
    `  volumes: ${list(volumesOf(program))}`
  ]
}

/** On one line, where the formatter leaves it so. */
const environmentOf = (variables: ReadonlyArray<string>): ReadonlyArray<string> => {
  const line = `  environment: { ${variables.join(", ")} }`
  return line.length + 2 <= 120
    ? [line]
    : ["  environment:", "    {", ...variables.map((one) => `      ${one},`), "    }"]
}

const volumesOf = (program: string): ReadonlyArray<string> => [
  ...["*connections", "*certificates"],
  ...(opensStore(program) ? ["*store"] : []),
  ...(isNotifier(program) ? ["*notifications"] : []),
  ...(isIndexer(program) ? ["*index"] : [])
]

const sandboxService: ReadonlyArray<string> = [
  "sandbox:",
  `  image: \${CAPI_SANDBOX_IMAGE:-capi-relay-sandbox}`,
  "  build: { context: ../.., dockerfile: infra/sandbox/Dockerfile }",
  "  restart: unless-stopped",
  "  read_only: true",
  "  cap_drop: [ALL]",
  '  security_opt: ["no-new-privileges:true"]',
  "  environment:",
  "    SANDBOX_HOST: 0.0.0.0",
  `    SANDBOX_PORT: ${sandboxPort}`,
  "    SANDBOX_OPTIONS: >-",
  `      ${JSON.stringify(webhookOptions())}`,
  `  ports: ["127.0.0.1:${sandboxPort}:${sandboxPort}"]`,
  "  healthcheck:",
  `    test: ["CMD", "bash", "-c", "</dev/tcp/127.0.0.1/${sandboxPort}"]`,
  "    interval: 5s"
]

/** Where the sandboxes send a platform's callbacks: to the example's connection, signed with its credential's secret. */
function webhookOptions(): Readonly<Record<string, object>> {
  const { connections }: { readonly connections: ReadonlyArray<{ readonly id: string; readonly platform: string }> } =
    parse(readFileSync(path.join(repository, "examples/connections.yaml"), "utf8"))
  return Object.fromEntries(
    connections
      .filter(({ platform }) => hasWebhook(`delivery-${platform}`))
      .map(({ id, platform }) => {
        const url = `http://delivery-${platform}:${webhookPort}/webhooks/${platform}/${id}`
        return [platform, { webhook: { url, appSecret: credentials[platform]?.secret["app_secret"] ?? "" } }]
      })
  )
}

/** What the sandboxes change of a program: the example's connections, the platforms' addresses and a credential that they accept. */
const sandboxedService = (program: string): ReadonlyArray<string> => [
  `${program}:`,
  "  environment:",
  "    <<: *hosts",
  ...Object.entries(sandboxSecretsOf(program)).map(
    ([name, value]) => `    ${name}: ${value.includes('"') ? `'${value}'` : `"${value}"`}`
  ),
  ...(program === "cli"
    ? ["  volumes: [*connections, ../../examples/sample-events:/app/examples/sample-events:ro]"]
    : ["  volumes: [*connections]"])
]

const chartProcessor = (program: string): string => {
  const more = [
    ...(usesMasterKey(program) ? ["masterKey: true"] : []),
    ...(opensStore(program) ? ['credentials: ""'] : []),
    ...(hasWebhook(program) ? [`webhookPort: ${webhookPort}`] : []),
    ...(isConsole(program) ? [`consolePort: ${consolePort}`, 'credentials: ""'] : []),
    ...(isIndexer(program) ? [`lookupPort: ${lookupPort}`] : [])
  ]
  return `${program}: { ${[`replicas: ${isIndexer(program) || isConsole(program) ? 1 : 2}`, ...more].join(", ")} }`
}

const deliveries = platforms.map((platform) => `delivery-${platform}`)

/** File → the lines between its two marks. */
export const generatedLines: Readonly<Record<string, ReadonlyArray<string>>> = {
  "infra/compose/compose.yaml": programNames.flatMap(composeService).map((line) => `  ${line}`),
  "infra/compose/sandbox.yaml": [
    "x-hosts: &hosts",
    ...hosts.map(([name, url]) => `  ${name}: ${url}`),
    "services:",
    ...[...sandboxService, ...["topics", "cli", ...programNames].flatMap(sandboxedService)].map((line) => `  ${line}`)
  ],
  "infra/compose/existing-kafka.yaml": [
    "  topics: { <<: *existing, depends_on: !reset {} }",
    ...["cli", ...programNames].map((program) => `  ${program}: *existing`)
  ],
  "infra/helm/capi-relay/values.yaml": [
    "# `programs` puts several into one process, which costs less CPU for many platforms (docs/performance.md); such as, in the place",
    "# of the deliveries (set to null):",
    `#   deliveries: { replicas: 2, webhookPort: ${webhookPort}, programs: [${deliveries.join(", ")}] }`,
    "# consolePort: of the console's page, which needs CAPI_CONSOLE_TOKEN in one of its credentials (docs/console.md).",
    "# webhookPort: the platform's callbacks; put an Ingress with TLS before the program's Service.",
    "processors:",
    ...programNames.map((program) => `  ${chartProcessor(program)}`),
    "",
    "# The platform of each kind of connection, where it has another name.",
    `platforms: { ${connectorKinds
      .filter((kind) => platformOf(kind) !== kind)
      .map((kind) => `${kind}: ${platformOf(kind)}`)
      .join(", ")} }`
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
