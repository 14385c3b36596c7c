/**
 * The place of an event in a trace: W3C Trace Context (Level 1) in the headers of Kafka records, and which events are traced. The
 * decision of an event without a parent follows from its raw record's position alone, so that every hop decides alike, and a replay as
 * the first run. The trace id ends with the number that decided, as OpenTelemetry's consistent probability sampling expects
 * ("TraceState: Probability Sampling", the last 56 bits). Pure.
 */
import { hash } from "node:crypto"
import type { SamplerName } from "../config/otel.ts"

/** The place of an event in a trace. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string
  /** 16 of them: the span under which what follows goes. */
  readonly spanId: string
  readonly isSampled: boolean
  /** As it came; null where the record has no valid one. */
  readonly state: string | null
}

export type RecordHeaders = Readonly<Record<string, string>>

/** The context of a record; null where it has none, or one that the specification calls invalid. */
export const contextOf = (headers: RecordHeaders): TraceContext | null => {
  const text = headers["traceparent"]
  if (text === undefined || text.length > lengthMax) return null
  const parts = traceparent.exec(text)
  if (parts === null) return null
  const [, version, traceId, spanId, flags, more] = parts
  if (version === "ff" || (version === "00" && more !== undefined)) return null
  if (traceId === noTrace || spanId === noSpan) return null
  const isSampled = (Number.parseInt(flags!, 16) & sampledFlag) !== 0
  return { traceId: traceId!, spanId: spanId!, isSampled, state: stateOf(headers["tracestate"]) }
}

/** The headers that carry a context on. */
export const traceHeaders = ({ traceId, spanId, isSampled, state }: TraceContext): RecordHeaders => {
  const parent = `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`
  return state === null ? { traceparent: parent } : { traceparent: parent, tracestate: state }
}

/** What of a record's headers belongs to its trace, to be written on another record of the same event as it is. */
export const tracePartOf = (headers: RecordHeaders): RecordHeaders => {
  const context = contextOf(headers)
  return context === null ? {} : traceHeaders(context)
}

/** Longer ones, and what is no list of members, may be dropped (section 3.3.1.5). */
const stateOf = (text: string | undefined): string | null =>
  text !== undefined && text.length <= stateLengthMax && members.test(text) ? text : null

const sampledFlag = 1
/** Of versions to come. */
const lengthMax = 256
const stateLengthMax = 512
const noTrace = "0".repeat(32)
export const noSpan = "0".repeat(16)
const traceparent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const members = /^[a-z0-9][\x20-\x2b\x2d-\x3c\x3e-\x7e]*=[\x20-\x7e]+$/

/** Where the raw record stands. */
export interface RawPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Kafka's, in milliseconds since the epoch. */
  readonly timestamp: number
}

export interface Sampler {
  /** Of an event that no producer's trace holds. */
  readonly samplesPosition: (position: RawPosition) => boolean
  /** Of an event with a producer's context, or with one of an earlier hop. */
  readonly samplesContext: (context: Pick<TraceContext, "traceId" | "isSampled">) => boolean
}

export const makeSampler = ({ name, ratio }: { readonly name: SamplerName; readonly ratio: number }): Sampler => {
  const isParentBased = name.startsWith("parentbased_")
  const share = name.endsWith("always_on") ? 1 : name.endsWith("always_off") ? 0 : ratio
  const threshold = Math.round((1 - share) * numbers)
  return {
    samplesPosition: (position) => randomOf(position) >= threshold,
    samplesContext: ({ traceId, isSampled }) =>
      isParentBased ? isSampled : Number.parseInt(traceId.slice(18, 26), 16) >= threshold
  }
}

/** The id of the trace that begins with a raw record: the same at every hop. */
export const traceIdOf = (position: RawPosition): string => {
  const { topic, partition, offset, timestamp } = position
  const name = hash("sha256", `${topic}/${partition}/${offset}/${timestamp}`)
  return name.slice(0, 18) + randomOf(position).toString(16).padStart(8, "0") + name.slice(18, 24)
}

const numbers = 0x1_0000_0000

/** 32 bits that are spread evenly over positions: the finalizer of MurmurHash3 over partition, offset and time. */
const randomOf = ({ partition, offset, timestamp }: RawPosition): number => {
  let mixed = mix((offset | 0) ^ mix((offset / numbers) | 0))
  mixed = mix(mixed ^ Math.imul(partition + 1, 0x9e3779b1))
  return mix(mixed ^ (timestamp | 0)) >>> 0
}

const mix = (value: number): number => {
  let bits = value ^ (value >>> 16)
  bits = Math.imul(bits, 0x85ebca6b)
  bits ^= bits >>> 13
  bits = Math.imul(bits, 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
