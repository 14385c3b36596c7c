/** Assertions on what mapping an event gives. */

import { assert } from "@effect/vitest"
import type { NormalizedEvent } from "../../schemas/types.gen.ts"
import type { Connection } from "../connections/connection.ts"
import type { JsonObject, MappingContext, MapResult } from "../connectors/connector.ts"
import { mappingContext } from "../connectors/mapping/compile.ts"

type MapEvent = (event: NormalizedEvent, context: MappingContext) => MapResult
type Payload = Extract<MapResult, { readonly _tag: "Payload" }>

/** Maps an event that must become a payload. */
export const mapped = (mapEvent: MapEvent, event: NormalizedEvent, connection: Connection, now?: number): Payload => {
  const result = mapEvent(event, mappingContext(connection, now ?? null))
  if (result._tag !== "Payload") assert.fail(`${result._tag}: ${result.reason}: ${result.message}`)
  return result
}

export const payloadOf = (mapEvent: MapEvent, event: NormalizedEvent, connection: Connection): JsonObject =>
  mapped(mapEvent, event, connection).payload

/** `skipped:consent`, `rejected:missing_value`, or `payload`. */
export const mappingOutcome = (
  mapEvent: MapEvent,
  event: NormalizedEvent,
  connection: Connection,
  now?: number
): string => {
  const result = mapEvent(event, mappingContext(connection, now ?? null))
  return result._tag === "Payload" ? "payload" : `${result._tag.toLowerCase()}:${result.reason}`
}
