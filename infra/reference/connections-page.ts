/** docs/reference/connections.md and schemas/connections.schema.json: every key of `connections.yaml`, from the fields that read it. */
import { defaultKeys } from "../../shared/connections/connection.ts"
import { connectionsSchema } from "../../shared/connections/json-schema.ts"
import type { Shape } from "../../shared/connections/shape.ts"
import { connectorCatalog } from "../../shared/connectors/load-connections.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { connectorKinds } from "../../shared/model/platform.ts"
import { keyMeanings, resilienceKeys } from "./connection-keys.ts"
import { byteSize, code, codes, page, table } from "./markdown.ts"
import { shareParts } from "./share-parts.ts"

export const schemaFile = "schemas/connections.schema.json"

/** The schema, with what each key means. */
const connectionsJsonSchema = (): Shape => {
  const schema = connectionsSchema(connectorCatalog)
  const definitions = schema["$defs"] as Readonly<Record<string, Shape>>
  const described = (shape: Shape) => describe(shape, "")
  const properties = schema["properties"] as Readonly<Record<string, Shape>>
  return {
    ...schema,
    properties: {
      version: { description: "the version of this form: 1", ...properties["version"] },
      defaults: {
        description: "keys that every connection has which does not have them itself",
        ...described(properties["defaults"]!)
      },
      connections: { description: "the accounts to deliver to", ...properties["connections"] }
    },
    $defs: Object.fromEntries(Object.entries(definitions).map(([name, shape]) => [name, described(shape)]))
  }
}

export const connectionsSchemaText = (): string => `${JSON.stringify(shareParts(connectionsJsonSchema()), null, 1)}\n`

export const connectionsPage = (): string => {
  const rows = keyRows()
  const isResilience = ({ path }: KeyRow) => path.startsWith("resilience.")
  const head = ["key", "type", "default", "meaning"]
  return page("connections.yaml", [
    `One entry of \`connections\` for each account. \`./capi lint\` reports every mistake with its line, and checks what no schema can: ids that are used twice, event
names, conditions. Values may hold environment variables: \`\${NAME}\`, \`\${NAME:-default}\`, and \`$\${\` for \`\${\` itself. Programs read the file at their start.`,
    `Editors that know YAML schemas complete and check the file by \`${schemaFile}\`, if its first line names the schema by its path from the file:`,
    `\`\`\`yaml\n# yaml-language-server: $schema=./${schemaFile}\n\`\`\``,
    "## The file",
    table(
      ["key", "meaning"],
      [
        [code("version"), "`1`; required"],
        [
          code("defaults"),
          `used by each connection that does not have the key itself, group by group: ${codes(defaultKeys)}`
        ],
        [code("connections"), "the list of connections; required"]
      ]
    ),
    "## A connection",
    `Where the type is *text*, numbers are read as they are written, so that long ids keep every digit. A duration is a number and a unit, such as \`500 millis\`,
\`30 seconds\`, \`2 hours\`. A list may be a single value.`,
    table(head, rows.filter((row) => !isResilience(row)).map(cellsOf)),
    "## Of each platform",
    table(
      ["platform", "account", "credential's fields", "endpoint", "events in a request", "bytes of a request"],
      connectorKinds.map((kind) => {
        const { account, credential, endpoint, limits } = connectorFor(kind)
        const free = account.optional.filter((key) => account.anyOf?.includes(key) !== true)
        return [
          code(kind),
          [
            account.required.length > 0 ? `${codes(account.required)} (required)` : "",
            account.anyOf === undefined ? "" : `at least one of ${codes(account.anyOf)}`,
            codes(free)
          ]
            .filter((part) => part !== "")
            .join("; "),
          `${codes(credential.required)}${credential.optional.length > 0 ? `; optional ${codes(credential.optional)}` : ""}`,
          `${code(endpoint.host)}${endpoint.version === "" ? "" : `, version ${code(endpoint.version)}`}`,
          String(limits.documented.eventsPerRequest),
          byteSize(limits.documented.bytesPerRequest)
        ]
      })
    ),
    "## resilience",
    table(head, rows.filter(isResilience).map(cellsOf))
  ])
}

interface KeyRow {
  readonly path: string
  readonly type: string
  readonly default: string
  readonly meaning: string
}

const cellsOf = (row: KeyRow): ReadonlyArray<string> => [code(row.path), row.type, row.default, row.meaning]

/** Every key of a connection of any platform, in the schema's order. Fails where one has no meaning in the table, or a meaning no key. */
const keyRows = (): ReadonlyArray<KeyRow> => {
  const definitions = connectionsSchema(connectorCatalog)["$defs"] as Readonly<Record<string, Shape>>
  const rows = new Map<string, KeyRow>()
  for (const kind of connectorKinds)
    for (const row of rowsOf(definitions[kind]!, "")) {
      const known = rows.get(row.path)
      rows.set(row.path, known === undefined || known.type === row.type ? row : { ...row, type: "by the platform" })
    }
  const unused = Object.keys(keyMeanings).filter((key) => !rows.has(key))
  if (unused.length > 0) throw new Error(`Keys that no connection has: ${unused.join(", ")}`)
  // Messages' keys come where the first platform that has them puts them: after the others of `mapping`.
  const order = [...rows.keys()].sort((left, right) => topOf(left) - topOf(right))
  return order.map((key) => rows.get(key)!)
}

const topKeys = Object.keys(keyMeanings).filter((key) => !key.includes("."))
const topOf = (key: string): number => topKeys.indexOf(key.split(".")[0]!)

const rowsOf = (shape: Shape, prefix: string): ReadonlyArray<KeyRow> => {
  const items = partsOf(shape).find((part) => part["items"] !== undefined)
  // A list may be one value of it.
  if (items !== undefined) return rowsOf(items["items"] as Shape, `${prefix.slice(0, -1)}[].`)
  const group = partsOf(shape).find((part) => part["properties"] !== undefined)
  const required = (group?.["required"] ?? []) as ReadonlyArray<string>
  const properties = Object.entries((group?.["properties"] ?? {}) as Readonly<Record<string, Shape>>)
  const free = partsOf(shape).find((part) => typeof part["additionalProperties"] === "object")
  return [
    ...properties
      .filter(() => prefix !== "account.")
      .flatMap(([key, below]) => [
        rowOf(`${prefix}${key}`, below, required.includes(key)),
        ...rowsOf(below, `${prefix}${key}.`)
      ]),
    ...(free === undefined || /header|body/.test(prefix)
      ? []
      : [
          rowOf(`${prefix}*`, free["additionalProperties"] as Shape, false),
          ...rowsOf(free["additionalProperties"] as Shape, `${prefix}*.`)
        ])
  ]
}

const rowOf = (path: string, shape: Shape, isRequired: boolean): KeyRow => ({
  path,
  type: typeOf(shape),
  default: isRequired ? "required" : (resilience().get(path)?.default ?? defaultOf(shape)),
  meaning: meaningOf(path)
})

const meaningOf = (path: string): string => {
  const meaning = keyMeanings[path] ?? resilience().get(path)?.meaning
  if (meaning === undefined)
    throw new Error(`The key ${path} of a connection has no meaning yet: add it to infra/reference/connection-keys.ts.`)
  return meaning
}

let resilienceKnown: ReturnType<typeof resilienceKeys> | undefined
const resilience = () => {
  resilienceKnown ??= resilienceKeys()
  return resilienceKnown
}

const defaultOf = (shape: Shape): string => (shape["default"] === undefined ? "" : code(String(shape["default"])))

const partsOf = (shape: Shape): ReadonlyArray<Shape> =>
  shape["anyOf"] === undefined || shape["properties"] !== undefined
    ? [shape]
    : (shape["anyOf"] as ReadonlyArray<Shape>).flatMap(partsOf)

/** More names than these are the platform's list of events. */
const wordsMax = 12

const typeOf = (shape: Shape): string => {
  const parts = partsOf(shape).filter((part) => part["type"] !== "null" && part["pattern"] !== "\\$\\{")
  const lists = parts.filter((part) => part["items"] !== undefined)
  if (lists.length > 0) return `list of ${typeOf(lists[0]!["items"] as Shape)}`
  return [...new Set(parts.map(wordOf))].join(", or ")
}

const wordOf = (part: Shape): string => {
  if (part["enum"] !== undefined) {
    const words = part["enum"] as ReadonlyArray<string>
    return words.length > wordsMax ? "a known name" : codes(words)
  }
  if (typeof part["title"] === "string") return part["title"]
  if (part["type"] === "integer")
    return `integer, ${Number(part["minimum"]).toLocaleString("en-US")} to ${Number(part["maximum"]).toLocaleString("en-US")}`
  if (part["type"] === "object") return "group"
  if (part["type"] === "boolean") return "`true`, `false`"
  return part["type"] === undefined ? "any value" : "text"
}

/** The shape with the meaning of each key as its description. */
const describe = (shape: Shape, prefix: string): Shape => {
  const { properties, additionalProperties, items, anyOf, ...rest } = shape
  const text = keyMeanings[prefix.replace(/\.$/, "")] ?? resilience().get(prefix.replace(/\.$/, ""))?.meaning
  return {
    ...(text === undefined || text === "" || prefix.endsWith("|") ? {} : { description: text }),
    ...rest,
    ...(anyOf === undefined || properties !== undefined
      ? anyOf === undefined
        ? {}
        : { anyOf }
      : { anyOf: (anyOf as ReadonlyArray<Shape>).map((part) => inner(part, prefix)) }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties as Readonly<Record<string, Shape>>).map(([key, below]) => [
              key,
              describe(below, `${prefix}${key}.`)
            ])
          )
        }),
    ...(typeof additionalProperties === "object" && additionalProperties !== null
      ? { additionalProperties: describe(additionalProperties as Shape, `${prefix}*.`) }
      : additionalProperties === undefined
        ? {}
        : { additionalProperties }),
    ...(items === undefined ? {} : { items: inner(items as Shape, `${prefix.slice(0, -1)}[].`) })
  }
}

/** A part of a key's form: the key has the description. */
const inner = (shape: Shape, prefix: string): Shape => {
  const { description: _, ...rest } = describe(shape, prefix)
  return rest
}
