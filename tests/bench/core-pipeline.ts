/** The pure core as plain functions: what normalizer and mapper do to one event between decoding and encoding. */
import * as Redacted from "effect/Redacted"
import type { MappedEvent, NormalizedEvent, RawEvent } from "../../schemas/types.gen.ts"
import { fromKey } from "../../shared/credentials/sealer.ts"
import { builtinConnection } from "../../shared/mapping/builtin.ts"
import { mapForConnection } from "../../shared/mapping/map.ts"
import { normalize } from "../../shared/normalize/normalize.ts"
import { defaultNormalizerOptions } from "../../shared/normalize/options.ts"
import { type ConnectorKind, connectorKinds } from "../../shared/platforms/platform.ts"
import { connectorFor } from "../../shared/platforms/registry.ts"

export interface CorePipeline {
  readonly normalized: (raw: RawEvent) => NormalizedEvent
  readonly mapped: (event: NormalizedEvent, kind: ConnectorKind) => MappedEvent
  /** The JSON of the request's element for one platform. */
  readonly payload: (raw: RawEvent, kind: ConnectorKind) => string
  /** The same for several: the event is normalized and hashed once. */
  readonly payloads: (raw: RawEvent, kinds: ReadonlyArray<ConnectorKind>) => number
}

/**
 * @param now milliseconds since the epoch
 * @param messages whether a connection sends messages, so that phone numbers are sealed as well
 */
export const corePipeline = (now: number, messages: boolean): CorePipeline => {
  const recipients = messages ? fromKey(Redacted.make("a key of the benchmark alone")) : null
  const options = { ...defaultNormalizerOptions, now, defaultCountries: ["US"], recipients }
  const targets = new Map(
    connectorKinds.map((kind) => [kind, { connection: builtinConnection(kind), connector: connectorFor(kind) }])
  )
  const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now }
  const normalized = (raw: RawEvent): NormalizedEvent => {
    const result = normalize(raw, source, options)
    if (result._tag === "Normalized") return result.event
    throw new Error(result.problem.message)
  }
  const mapped = (event: NormalizedEvent, kind: ConnectorKind): MappedEvent => {
    const { connection, connector } = targets.get(kind)!
    const result = mapForConnection(event, connection, connector, now)
    if (result._tag === "Mapped") return result.event
    throw new Error(`${kind}: ${result.message}`)
  }
  return {
    normalized,
    mapped,
    payload: (raw, kind) => mapped(normalized(raw), kind).payload,
    payloads: (raw, kinds) => {
      const event = normalized(raw)
      let bytes = 0
      for (const kind of kinds) bytes += mapped(event, kind).payload.length
      return bytes
    }
  }
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
