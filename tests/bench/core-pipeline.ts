/** The pure core as plain functions: what normalizer and mapper do to one event between decoding and encoding. */
import * as Redacted from "effect/Redacted"
import { defaultNormalizerOptions, normalize } from "../../processors/normalizer/normalize/normalize.ts"
import type { MappedEvent, NormalizedEvent, RawEvent } from "../../schemas/types.gen.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { messageEvents } from "../../shared/connectors/mapping/compile.ts"
import { type Mapped, mapForConnection } from "../../shared/connectors/mapping/map.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { makeSealer } from "../../shared/credentials/sealer.ts"
import { type ConnectorKind, connectorKinds } from "../../shared/model/platform.ts"

export interface CorePipeline {
  readonly normalized: (raw: RawEvent) => NormalizedEvent
  readonly mapped: (event: NormalizedEvent, kind: ConnectorKind) => MappedEvent
  /** The JSON of the request's element for one platform. */
  readonly payload: (raw: RawEvent, kind: ConnectorKind) => string
  /** The same for several: the event is normalized and hashed once. Gives how many characters all payloads have. */
  readonly payloads: (raw: RawEvent, kinds: ReadonlyArray<ConnectorKind>) => number
}

/** Which events lead to a message, so that their phone numbers are sealed as well. */
export type Messages = "none" | "of all events" | "of sign-ups"

/** @param now milliseconds since the epoch */
export const corePipeline = (now: number, messages: Messages): CorePipeline => {
  const targets = new Map(
    connectorKinds.map((kind) => [kind, { connection: connectionOf(kind, messages), connector: connectorFor(kind) }])
  )
  const options = {
    ...defaultNormalizerOptions,
    now,
    defaultCountries: ["US"],
    recipients: messages === "none" ? null : makeSealer(Redacted.make("a key of the benchmark alone")),
    messageEvents: messageEvents([...targets.values()].map(({ connection }) => connection))
  }
  const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now }
  const normalized = (raw: RawEvent): NormalizedEvent => {
    const result = normalize(raw, source, options)
    if (result._tag === "Normalized") return result.event
    throw new Error(result.problem.message)
  }
  const map = (event: NormalizedEvent, kind: ConnectorKind): Mapped => {
    const { connection, connector } = targets.get(kind)!
    return mapForConnection(event, connection, connector, now)
  }
  const mapped = (event: NormalizedEvent, kind: ConnectorKind): MappedEvent => {
    const result = map(event, kind)
    if (result._tag === "Mapped") return result.event
    throw new Error(`${kind}: ${result.message}`)
  }
  return {
    normalized,
    mapped,
    payload: (raw, kind) => mapped(normalized(raw), kind).payload,
    payloads: (raw, kinds) => {
      const event = normalized(raw)
      let characters = 0
      for (const kind of kinds) {
        const result = map(event, kind)
        if (result._tag === "Mapped") characters += result.event.payload.length
        else if (result.reason !== "no_mapping") throw new Error(`${kind}: ${result.message}`)
      }
      return characters
    }
  }
}

const connectionOf = (kind: ConnectorKind, messages: Messages): Connection => {
  const connection = builtinConnection(kind)
  if (messages === "of all events") return connection
  const { sign_up: signUp } = connection.mapping.templates
  const templates = messages === "none" || signUp === undefined ? {} : { sign_up: signUp }
  return { ...connection, mapping: { ...connection.mapping, templates } }
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
