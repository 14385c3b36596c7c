/** W3C Trace Context (Level 1) in the headers of Kafka records: `traceparent` and `tracestate`. Pure. */

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
