/** What tests of connectors start from. */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { MappedEvent } from "../../schemas/types.gen.ts"
import type { Connection } from "../connections/connection.ts"
import type { EventVerdict, HttpResponseSpec, Json, RequestContext, Secret } from "../connectors/connector.ts"
import { builtinConnection } from "../connectors/load-connections.ts"
import type { ConnectorKind } from "../model/platform.ts"

export const json = (status: number, body: Json, headers: Readonly<Record<string, string>> = {}): HttpResponseSpec => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body)
})

export const secretOf = (fields: ReadonlyArray<string>): Secret =>
  Object.fromEntries(fields.map((field) => [field, Redacted.make(secretValue(field))]))

export const secretValue = (field: string): string => `the-${field}-that-must-stay-secret`

const connectionOf = (kind: ConnectorKind): Connection => ({
  ...builtinConnection(kind),
  endpoint: { host: "https://platform.example", version: "v9" }
})

/** An event whose payload would change if it were parsed and written again. */
export const mappedEvent = (index: number, more: Partial<MappedEvent> = {}): MappedEvent => ({
  event_id: `event-${index}`,
  event_name: "purchase",
  event_time: 1_795_000_000_000,
  connection_id: "shop",
  platform: "meta",
  platform_event: "Purchase",
  payload: `{"event_id":"event-${index}","value":129.90,"exact": 1E2, "name":"S\\u00f6cken ✓"}`,
  mapping_version: "1",
  batch_group: "",
  deadline: null,
  consent: null,
  sealed_recipient: null,
  match_quality: null,
  dropped_fields: [],
  person_ids: null,
  source: { topic: "raw-events", partition: 0, offset: index, timestamp: 0 },
  attempts: 0,
  not_before: null,
  ...more
})

const otherKey: EventVerdict = { errorClass: "configuration", reasonCode: "master_key_differs", message: null }

/** A context with every given secret field, whose seal opens to one number. */
export const contextOf = (kind: ConnectorKind, fields: ReadonlyArray<string>): RequestContext => ({
  connection: connectionOf(kind),
  secret: secretOf(fields),
  open: (text) => (text.startsWith("sealed:") ? Result.succeed("+14155550132") : Result.fail(otherKey))
})
