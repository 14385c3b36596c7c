/**
 * docs/reference/raw-events.md: the fields of a raw event, and which platforms use each: those whose payload of a known event
 * differs with the field from that without it.
 */
import { readFileSync } from "node:fs"
import path from "node:path"
import { previewEvent } from "../../processors/normalizer/preview/preview-event.ts"
import type { AvroRecord } from "../../schemas/avro-schema.ts"
import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { clickIds } from "../../shared/connectors/registry.ts"
import type { JsonObject } from "../../shared/model/json.ts"
import { connectorKinds } from "../../shared/model/platform.ts"
import { repository } from "../local/state.ts"
import { fieldsOf } from "./avro-fields.ts"
import eventOfFile from "./full-event.json" with { type: "json" }
import { code, codes, page, table } from "./markdown.ts"

const schema = JSON.parse(readFileSync(path.join(repository, "schemas/raw-event.avsc"), "utf8")) as AvroRecord

export const rawEventsPage = (): string =>
  page("Fields of a raw event", [
    `A record of \`raw-events\` is one JSON object, or the same in Confluent-Avro by \`schemas/raw-event.avsc\`. Required are \`event_id\`, \`event_name\`, \`event_time\`
and one identifier of the customer; all else may be absent or null. In JSON \`event_time\` may be ISO 8601 with an offset too, and a key that no field has is named in
the result and left out. [Identity](../identity.md) says how each identifier is normalized and hashed, [mapping](../mapping.md) what each platform requires.`,
    `The last column names the connectors whose request has the field or something made of it; *all* decide by it. Parameter rules and message templates of a connection
(\`mapping.parameters\`, \`mapping.templates\`) can send any field of \`properties\` to any platform.`,
    table(
      ["field", "type", "meaning", "used by"],
      fieldsOf(schema).map(({ path: field, type, doc, isRequired }) => [
        code(field),
        type.replace(/ or null$/, "") + (isRequired && !field.includes(".") ? ", required" : ""),
        doc,
        usersOf(field)
      ])
    )
  ])

const usersOf = (field: string): string => {
  if (/^consent(_signals)?(\.|$)/.test(field)) return "all"
  const users = connectorKinds.filter((kind) => bases.some((base) => matters(field, base, kind)))
  if (users.length === 0) return "none by itself"
  return users.length === connectorKinds.length ? "all" : codes(users)
}

/** Whether the event becomes another payload, or none, without the field. */
const matters = (field: string, base: JsonObject, kind: (typeof connectorKinds)[number]): boolean =>
  outcomeOf(base, kind) !== outcomeOf(without(base, field.replaceAll("[]", ".0").split(".")), kind)

/** With all that a connection can switch on. */
const connections = new Map(
  connectorKinds.map((kind) => {
    const connection = builtinConnection(kind)
    return [kind, { ...connection, mapping: { ...connection.mapping, addressIdentifiers: true } }]
  })
)

const outcomes = new WeakMap<JsonObject, Map<string, string>>()

const outcomeOf = (event: JsonObject, kind: (typeof connectorKinds)[number]): string => {
  const known = outcomes.get(event) ?? new Map<string, string>()
  const outcome =
    known.get(kind) ??
    (() => {
      const { dropped_fields: _, ...preview } = previewEvent(event, connections.get(kind)!)
      return JSON.stringify(preview)
    })()
  outcomes.set(event, known.set(kind, outcome))
  return outcome
}

const without = (value: JsonObject, [name, ...below]: ReadonlyArray<string>): JsonObject => {
  if (name === undefined || !Object.hasOwn(value, name)) return value
  const copy: Record<string, unknown> = { ...value }
  if (below.length === 0) delete copy[name]
  else copy[name] = without(value[name] as JsonObject, below)
  return (Array.isArray(value) ? Object.values(copy) : copy) as JsonObject
}

/** An event with every field. */
const fullEvent: JsonObject = {
  ...eventOfFile,
  user: {
    ...eventOfFile.user,
    click_ids: Object.fromEntries(
      clickIds.filter(({ field }) => field === null).map(({ parameter }) => [parameter, "dj0yJnU9example4"])
    )
  }
}

/** The field's path where it is left out. */
type Path = ReadonlyArray<string>

/** Fields that come first: what stands in for them counts where they are absent. */
const firsts: ReadonlyArray<Path> = [
  ...["fbc", "external_id", "gclid", "gbraid", "phone", "madid", "email"].map((field) => ["user", field]),
  ...["num_items", "value", "order_id", "items", "custom"].map((field) => ["properties", field]),
  ["properties", "items", "0", "delivery_category"]
]

const sources = ["website", "app", "physical_store", "business_messaging"]

/** The full event of each source and name, and those that lack what usually comes first. */
const bases: ReadonlyArray<JsonObject> = sources.flatMap((source) => {
  const event = (fields: JsonObject): JsonObject => ({ ...fullEvent, action_source: source, ...fields })
  const purchase = event({})
  return [
    purchase,
    ...["lead", "refund", "search", "sign_up"].map((name) => event({ event_name: name })),
    ...["messenger", "instagram"].flatMap((channel) =>
      source === "business_messaging" ? [event({ event_name: "lead", messaging_channel: channel })] : []
    ),
    ...firsts.map((field) => without(purchase, field)),
    without(without(purchase, ["user", "gclid"]), ["user", "gbraid"]),
    firsts.reduce(without, purchase)
  ]
})
