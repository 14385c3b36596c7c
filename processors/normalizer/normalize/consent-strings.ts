/**
 * Reads what consent needs of IAB's strings: the purposes of a TCF 2 string, the opt-outs of a GPP string's sections. IAB's libraries expand
 * ranges of vendors, so that 156 characters cost half a second; here only fields at fixed places are read. A test compares both.
 * (IAB Tech Lab: Consent string and vendor list formats v2; Global Privacy Platform, consent string specification and sections.)
 */
import { memo } from "../../../shared/model/memo.ts"

export interface Tcf {
  /** Purposes with consent, from 1. */
  readonly purposes: ReadonlySet<number>
}

/** As the sections of the United States give it: 0 not applicable, 1 opted out, 2 did not opt out; null without such a field. */
export interface OptOuts {
  readonly saleOptOut: number | null
  readonly sharingOptOut: number | null
  readonly targetingOptOut: number | null
  readonly globalPrivacyControl: boolean
}

export type GppSection =
  /** `text` is the section's own, for its vendors. */
  | { readonly _tag: "Tcf"; readonly id: number; readonly name: string; readonly tcf: Tcf; readonly text: string }
  | ({ readonly _tag: "OptOuts"; readonly id: number; readonly name: string } & OptOuts)

/** The first segment of a TC string; null where it is not one of version 2. */
export const readTcf = (text: string): Tcf | null => cachedTcf(firstCharacters(text, tcfCharacters))

/**
 * Whether a TC string, which `readTcf` takes, has the vendor's consent. Its vendors are a bit for each id, or ranges of ids, which are
 * looked through without expanding them.
 */
export const hasVendorConsent = (text: string, vendor: number): boolean => {
  const end = text.indexOf(".")
  const bits = new Bits(end < 0 ? text : text.slice(0, end))
  if (vendor > bits.number(vendorsAtBit, 16)) return false
  if (bits.number(vendorsAtBit + 16, 1) === 0) return bits.number(vendorsAtBit + 17 + vendor - 1, 1) === 1
  const entries = bits.number(vendorsAtBit + 17, 12)
  let at = vendorsAtBit + 29
  for (let entry = 0; entry < entries && at < bits.length; entry++) {
    const isRange = bits.number(at, 1) === 1
    const first = bits.number(at + 1, 16)
    const last = isRange ? bits.number(at + 17, 16) : first
    if (first <= vendor && vendor <= last) return true
    at += isRange ? 33 : 17
  }
  return false
}

/** The bits of a base64url text, read in place; those behind its end are 0. */
class Bits {
  readonly #text: string
  readonly length: number
  constructor(text: string) {
    this.#text = text
    this.length = 6 * text.length
  }
  number(start: number, length: number): number {
    let value = 0
    for (let at = start; at < start + length; at++) {
      const character = sixBits[this.#text.charCodeAt(Math.floor(at / 6))] ?? 0
      value = 2 * value + ((character >> (5 - (at % 6))) & 1)
    }
    return value
  }
}

/** The sections that say something of consent; null where the text is no GPP string or one of them cannot be read. */
export const readGpp = (text: string): ReadonlyArray<GppSection> | null =>
  text.length > gppLengthMax ? null : cachedGpp(text)

/** What is read of a TC string ends with its purposes, so that strings that differ behind them are one. */
const firstCharacters = (text: string, count: number): string => {
  const dot = text.indexOf(".")
  return text.slice(0, dot >= 0 && dot < count ? dot : count)
}

const cachedTcf = memo(8_192, (text: string): Tcf | null => {
  const bits = bitsOf(text)
  return bits === null || bits.length < purposesEnd || numberAt(bits, 0, 6) !== 2
    ? null
    : { purposes: purposesAt(bits, purposesAtBit) }
})

const cachedGpp = memo(8_192, (text: string): ReadonlyArray<GppSection> | null => {
  const [header = "", ...sections] = text.split("~")
  const ids = sectionIdsOf(header)
  if (ids === null || ids.length !== sections.length) return null
  const found: Array<GppSection> = []
  for (const [index, id] of ids.entries()) {
    const section = readSection(id, sections[index]!)
    if (section === null) return null
    if (section !== "not_read") found.push(section)
  }
  return found
})

/** Type 3, version 1, then a list of ids and ranges of ids in Fibonacci code, each as its distance from the one before. */
const sectionIdsOf = (header: string): ReadonlyArray<number> | null => {
  const bits = bitsOf(header)
  if (bits === null || bits.length < 24 || numberAt(bits, 0, 6) !== 3 || numberAt(bits, 6, 6) !== 1) return null
  const count = numberAt(bits, 12, 12)
  const ids: Array<number> = []
  let at = 24
  let last = 0
  const next = (): number | null => {
    const read = fibonacciAt(bits, at)
    if (read === null) return null
    at = read.end
    last += read.value
    return last <= sectionIdMax ? last : null
  }
  for (let entry = 0; entry < count; entry++) {
    const isRange = bits[at++] === "1"
    const first = next()
    const end = isRange ? next() : first
    if (first === null || end === null) return null
    for (let id = first; id <= end; id++) ids.push(id)
  }
  return ids
}

const fibonacciAt = (bits: string, start: number): { readonly value: number; readonly end: number } | null => {
  let value = 0
  let [weight, following] = [1, 2]
  for (let at = start; at < bits.length && at < start + fibonacciBitsMax; at++) {
    if (bits[at] === "1") {
      value += weight
      if (bits[at + 1] === "1") return { value, end: at + 2 }
    }
    ;[weight, following] = [following, weight + following]
  }
  return null
}

const readSection = (id: number, text: string): GppSection | "not_read" | null => {
  if (id === euId) {
    const tcf = readTcf(text)
    return tcf === null ? null : { _tag: "Tcf", id, name: "tcfeuv2", tcf, text }
  }
  const segments = text.split(".")
  if (id === canadaId) {
    const bits = bitsOf(firstCharacters(text, tcfCharacters + 4))
    if (bits === null || bits.length < canadaAtBit + 48) return null
    const purposes = new Set([...purposesAt(bits, canadaAtBit), ...purposesAt(bits, canadaAtBit + 24)])
    return { _tag: "Tcf", id, name: "tcfcav1", tcf: { purposes }, text }
  }
  if (id === uspId) {
    const match = usPrivacy.exec(text)
    const sale = match === null ? null : match[1]!.toUpperCase()
    if (sale === null) return null
    const saleOptOut = sale === "Y" ? 1 : sale === "N" ? 2 : 0
    return {
      _tag: "OptOuts",
      id,
      name: "uspv1",
      saleOptOut,
      sharingOptOut: null,
      targetingOptOut: null,
      globalPrivacyControl: false
    }
  }
  const fields = states.get(id)
  if (fields === undefined) return "not_read"
  const [core, ...others] = hasHeader(id, segments[0]!) ? segments.slice(1) : segments
  const bits = bitsOf((core ?? "").slice(0, stateCharacters))
  if (bits === null || bits.length < 6) return null
  const at = (place: number | null): number | null => (place === null ? null : numberAt(bits, 6 + 2 * place, 2))
  return {
    _tag: "OptOuts",
    id,
    name: fields.name,
    saleOptOut: at(fields.sale),
    sharingOptOut: at(fields.sharing),
    targetingOptOut: at(fields.targeting),
    globalPrivacyControl: fields.hasSignal && others.slice(0, segmentsMax).some(isPrivacyControl)
  }
}

/**
 * From Maryland on the specification puts a header before the core segment, which IAB's own library does not write. It begins with the
 * section's id, where a core segment has the version of an agreement.
 */
const hasHeader = (id: number, segment: string): boolean => id >= marylandId && sixBits[segment.charCodeAt(0)] === id

/** A segment of type 1 whose bit is set. */
const isPrivacyControl = (segment: string): boolean => {
  const bits = bitsOf(segment.slice(0, 1))
  return bits !== null && bits.startsWith("011")
}

/** Which of a section's values of two bits, counted from the version on, are the opt-outs. */
interface StateFields {
  readonly name: string
  readonly sale: number
  readonly sharing: number | null
  readonly targeting: number | null
  /** Whether a segment may have the browser's signal. Another kind of segment can begin with the same bits. */
  readonly hasSignal: boolean
}

const state = (
  name: string,
  sale: number,
  sharing: number | null,
  targeting: number | null,
  hasSignal = true
): StateFields => ({ name, sale, sharing, targeting, hasSignal })

const states = new Map<number, StateFields>([
  [7, state("usnat", 6, 7, 8)],
  [8, state("usca", 3, 4, null)],
  [9, state("usva", 3, null, 4)],
  [10, state("usco", 3, null, 4)],
  [11, state("usut", 4, null, 5)],
  [12, state("usct", 3, null, 4)],
  [13, state("usfl", 3, null, 4)],
  [14, state("usmt", 3, null, 4)],
  [15, state("usor", 3, null, 4)],
  [16, state("ustx", 3, null, 4)],
  [17, state("usde", 3, null, 4)],
  [18, state("usia", 4, null, 5)],
  [19, state("usne", 3, null, 4)],
  [20, state("usnh", 3, null, 4)],
  [21, state("usnj", 3, null, 4)],
  [22, state("ustn", 3, null, 4)],
  [23, state("usmn", 3, null, 4)],
  [24, state("usmd", 5, null, 6)],
  [25, state("usin", 5, null, 6, false)],
  [26, state("usky", 5, null, 6, false)],
  [27, state("usri", 5, null, 6, false)]
])

const purposesAt = (bits: string, start: number): ReadonlySet<number> => {
  const purposes = new Set<number>()
  for (let purpose = 1; purpose <= purposeCount; purpose++) if (bits[start + purpose - 1] === "1") purposes.add(purpose)
  return purposes
}

/** Six bits for each character of base64url; null for any other text. */
const bitsOf = (text: string): string | null => {
  if (!base64url.test(text)) return null
  let bits = ""
  for (let at = 0; at < text.length; at++) bits += alphabet.indexOf(text[at]!).toString(2).padStart(6, "0")
  return bits
}

/** 0 where the text ends before. */
const numberAt = (bits: string, start: number, length: number): number =>
  Number.parseInt(bits.slice(start, start + length), 2) || 0

const base64url = /^[A-Za-z0-9_-]+$/
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
/** By character code. */
const sixBits = Array.from({ length: 128 }, (_, code) => Math.max(0, alphabet.indexOf(String.fromCharCode(code))))
const usPrivacy = /^1[YNyn-]([YNyn-])[YNyn-]$/
const purposeCount = 24
const purposesAtBit = 152
/** Behind the purposes: legitimate interests, a bit for purpose 1, the publisher's country. */
const vendorsAtBit = 213
const purposesEnd = purposesAtBit + purposeCount
/** As many characters as hold the purposes. */
const tcfCharacters = Math.ceil(purposesEnd / 6)
const [euId, canadaId, uspId, marylandId] = [2, 5, 6, 24]
const canadaAtBit = 151
const stateCharacters = 16
/** Beside the core. */
const segmentsMax = 3
const sectionIdMax = 63
const fibonacciBitsMax = 16
const gppLengthMax = 8_192
