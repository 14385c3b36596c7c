/**
 * Which events are traced. The decision of an event without a parent follows from its raw record's position alone, so that every hop
 * decides alike, and a replay as the first run. The trace id ends with the number that decided, as OpenTelemetry's consistent
 * probability sampling expects ("TraceState: Probability Sampling", the last 56 bits). Pure.
 */
import { hash } from "node:crypto"
import type { SamplerName } from "../config/otel.ts"
import type { TraceContext } from "./trace-context.ts"

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
