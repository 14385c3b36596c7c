/** docs/reference/metrics.md: every metric, from where the programs register it. */
import { parseAst } from "rolldown/parseAst"
import { code, codes, page, table } from "./markdown.ts"
import { labelMeanings, metricLabels } from "./metric-labels.ts"
import { sourcesByProcessor } from "./program-sources.ts"

export interface RegisteredMetric {
  readonly name: string
  readonly type: "counter" | "gauge" | "histogram"
  readonly description: string
  /** Folders of the processors that have it. */
  readonly processors: ReadonlyArray<string>
}

export const metricsPage = (): string => {
  const metrics = registeredMetrics()
  const processors = sourcesByProcessor().size
  const shared = metrics.filter((metric) => metric.processors.length === processors)
  const others = metrics.filter((metric) => !shared.includes(metric))
  const groups = [...new Set(others.map((metric) => metric.processors.join(" ")))]
  return page("Metrics", [
    `Each program serves them in Prometheus' text format at \`/metrics\` of its [port](http.md). A histogram \`x\` has the series \`x_bucket\` (label
\`le\`), \`x_sum\` and \`x_count\`; a counter starts at 0 with its program. A series is there from its first value on. \`infra/grafana\` has a dashboard and alerts made of
them.`,
    "## Labels",
    table(
      ["label", "meaning"],
      Object.entries(labelMeanings).map(([label, meaning]) => [code(label), meaning])
    ),
    "## Of every program",
    metricTable(shared),
    ...groups.flatMap((group) => [
      `## Of ${group.split(" ").map(titleOf).join(", ")}`,
      metricTable(others.filter((metric) => metric.processors.join(" ") === group))
    ])
  ])
}

const titleOf = (folder: string): string => (folder === "delivery" ? "the deliveries" : folder)

const metricTable = (metrics: ReadonlyArray<RegisteredMetric>): string =>
  table(
    ["metric", "type", "unit", "labels", "meaning"],
    metrics.map((metric) => [
      code(metric.name),
      metric.type,
      unitOf(metric.name),
      codes(metricLabels[metric.name] ?? []),
      metric.description
    ])
  )

/** The unit is a word of the name: the last one that is one. */
const unitOf = (name: string): string => {
  if (name.endsWith("_timestamp_seconds")) return "seconds since the epoch"
  const words = name.split("_").reverse()
  const word = words.find((candidate) => Object.hasOwn(units, candidate))
  return word === undefined ? "" : units[word]!
}

const units: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["seconds", "bytes", "percent", "records", "events", "changes", "batches", "commits", "requests", "retries"].map(
      (word) => [word, word]
    )
  ),
  ...Object.fromEntries(
    ["connections", "partitions", "secrets", "ids", "fields", "duplicates", "conflicts", "rejections"].map((word) => [
      word,
      word
    ])
  ),
  ratio: "0 to 1"
}

/** By name. Fails where a registration cannot be read: each is a call with its name and description as texts. */
export const registeredMetrics = (): ReadonlyArray<RegisteredMetric> => {
  const found = new Map<string, RegisteredMetric>()
  for (const [folder, sources] of sourcesByProcessor())
    for (const [file, text] of sources)
      if (/effect\/Metric"|telemetry\/series.ts"/.test(text))
        for (const metric of registrationsIn(file, text)) {
          const known = found.get(metric.name)?.processors ?? []
          found.set(metric.name, { ...metric, processors: [...new Set([...known, folder])] })
        }
  return [...found.values()].sort((left, right) => (left.name < right.name ? -1 : 1))
}

type Registration = Omit<RegisteredMetric, "processors">

const registrationsIn = (file: string, text: string): ReadonlyArray<Registration> => {
  const found: Array<Registration> = []
  visit(parseAst(text, { lang: "ts" }), (node) => {
    if (node["type"] !== "CallExpression") return
    const [callee, args] = [node["callee"] as Node, node["arguments"] as ReadonlyArray<Node>]
    const called = String(callee["name"] ?? (callee["property"] as Node | undefined)?.["name"])
    const type = types.find((candidate) => candidate === called)
    const name = textOf(args[0])
    if (type === undefined || name === null) return
    const description = textOf(args[1]) ?? textOf(propertyOf(args[1], "description"))
    if (description === null) throw new Error(`${file}: ${name} has no description that can be read.`)
    found.push({ name, type, description })
  })
  return found
}

const types = ["counter", "gauge", "histogram"] as const

type Node = { readonly [key: string]: unknown }

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null

const visit = (value: unknown, see: (node: Node) => void): void => {
  if (!isNode(value)) return
  if (typeof value["type"] === "string") see(value)
  for (const child of Object.values(value)) visit(child, see)
}

const textOf = (node: Node | undefined): string | null => {
  if (node === undefined) return null
  if (node["type"] === "Literal" && typeof node["value"] === "string") return node["value"]
  if (node["type"] !== "BinaryExpression") return null
  const parts = [textOf(node["left"] as Node), textOf(node["right"] as Node)]
  return parts.includes(null) ? null : parts.join("")
}

const propertyOf = (node: Node | undefined, name: string): Node | undefined => {
  const properties = (node?.["properties"] ?? []) as ReadonlyArray<Node>
  return properties.find((property) => (property["key"] as Node)["name"] === name)?.["value"] as Node | undefined
}
