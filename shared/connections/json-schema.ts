/** The JSON Schema of `connections.yaml`, from the fields that read it. */
import type { Json } from "../model/json.ts"
import { type ConnectorKind, connectorKinds } from "../model/platform.ts"
import { connectionShape, defaultKeys } from "./connection.ts"
import type { ConnectorCatalog } from "./connector-rules.ts"
import { anyOf, type Shape, wordsShape } from "./shape.ts"

/** A connection's form is that of its platform; keys of `defaults` are of any platform's form, and need not be complete. */
export const connectionsSchema = (catalog: ConnectorCatalog): Shape => {
  const shapes = new Map(connectorKinds.map((kind) => [kind, connectionShape(kind, catalog)]))
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "connections.yaml of capi-relay",
    type: "object",
    properties: {
      version: { const: 1 },
      defaults: anyOf(defaultsShape([...shapes.values()]), { type: "null" }),
      connections: { type: "array", items: anyOf({ $ref: "#/$defs/connection" }, { type: "null" }) }
    },
    required: ["version", "connections"],
    additionalProperties: false,
    $defs: {
      connection: {
        type: "object",
        properties: { platform: wordsShape(connectorKinds) },
        required: ["platform"],
        allOf: connectorKinds.map((kind) => ({
          if: { properties: { platform: { const: kind } }, required: ["platform"] },
          // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
          then: { $ref: `#/$defs/${kind}` }
        }))
      },
      ...Object.fromEntries(shapes satisfies ReadonlyMap<ConnectorKind, Shape>)
    }
  }
}

const defaultsShape = (shapes: ReadonlyArray<Shape>): Shape => {
  const properties = Object.fromEntries(
    defaultKeys.map((key) => [
      key,
      together(shapes.map((shape) => (shape["properties"] as Readonly<Record<string, Shape>>)[key]!))
    ])
  )
  return { type: "object", properties, additionalProperties: false }
}

/** What has any of these forms: groups key by key, so that an editor knows their keys. */
const together = (shapes: ReadonlyArray<Shape>): Shape => {
  const different = [...new Map(shapes.map((shape) => [JSON.stringify(shape), shape])).values()]
  const [first] = different
  if (different.length === 1) return first!
  const groups = different.map(groupOf)
  const [group] = groups
  if (group === undefined || group === null || groups.includes(null)) return anyOf(...different)
  const properties = group["properties"] as Readonly<Record<string, Json>>
  const merged = Object.keys(properties).map((key) => [
    key,
    together(groups.map((one) => (one!["properties"] as Readonly<Record<string, Shape>>)[key]!))
  ])
  return anyOf({ ...group, properties: Object.fromEntries(merged), required: [] }, { type: "null" })
}

/** The group of an optional group of known keys; null of anything else. */
const groupOf = (shape: Shape): Shape | null => {
  const parts = (shape["anyOf"] ?? []) as ReadonlyArray<Shape>
  const [group] = parts
  return parts.length === 2 && group?.["properties"] !== undefined ? group : null
}
