/** Whose events must not be sent: persons who were erased, and persons who withdrew consent (decision 42). Pure. */
import type { Consent, MappedEvent, Suppression } from "../../schemas/types.gen.ts"
import { personIdCharacters } from "../credentials/identity-key.ts"
import { IdMap, type IdWords, wordsOfText } from "./id-map.ts"

/** What normalized and mapped events say of their person. */
export type Suppressible = Pick<MappedEvent, "person_ids" | "event_time" | "source" | "consent">

export type Suppressed =
  | { readonly _tag: "Erased" }
  /** `consent`: the event's, with what was withdrawn since; it differs from the event's. */
  | { readonly _tag: "Withdrawn"; readonly consent: Consent }

/** Stable reason codes of results. */
export const suppressionReasons = { erased: "erased", withdrawn: "consent_withdrawn" } as const

export const erasedMessage = "The customer was erased, and the event is from before that."
export const withdrawnMessage = "The customer withdrew consent after the event."

/** What a check needs; nothing is suppressed by `noSuppressions`. */
export interface Suppressions {
  readonly find: (event: Suppressible) => Suppressed | null
  /** Whether one of the identifiers was erased at or after `at` (milliseconds since the epoch). */
  readonly isErased: (ids: Iterable<IdWords>, at: number) => boolean
  /** Identifiers held. */
  readonly size: number
}

export const noSuppressions: Suppressions = { find: () => null, isErased: () => false, size: 0 }

/** Words of a value: when erased, when consent changed (seconds since the epoch, 0 for never), and what was denied. */
const [erasedWord, changedWord, deniedWord, valueWords] = [0, 1, 2, 3]
const purposes = ["ad_user_data", "ad_personalization", "sale_of_data"] as const

/** The records of the topic `suppressions`, held in memory: at most 48 bytes for each identifier. */
export class SuppressionTable implements Suppressions {
  private readonly ids = new IdMap(valueWords)

  get size(): number {
    return this.ids.size
  }

  get bytes(): number {
    return this.ids.bytes
  }

  /** Takes a record; of a key the last one holds, and null ends it. Keys are `suppressionKey`s; others are not taken. */
  apply(key: string, record: Suppression | null): void {
    const at = key.indexOf(":") + 1
    if (key.length - at !== personIdCharacters) return
    const id = wordsOfText(key, at)
    if (record === null && this.ids.find(id) < 0) return
    const value = this.ids.take(id)
    const { words } = this.ids
    if (key.startsWith("erased:")) words[value + erasedWord] = record === null ? 0 : secondsAfter(record.at)
    else {
      words[value + changedWord] = record === null ? 0 : secondsAfter(record.at)
      words[value + deniedWord] = record === null ? 0 : deniedBits(record)
    }
    if (words[value + erasedWord] === 0 && words[value + deniedWord] === 0) this.ids.delete(id)
  }

  readonly find = (event: Suppressible): Suppressed | null => {
    const { person_ids: text } = event
    if (this.ids.size === 0 || text === null) return null
    // A clock ahead of ours makes no event one of the future: the raw record was there.
    const at = Math.min(event.event_time, event.source.timestamp)
    let denied = 0
    for (let start = 0; start < text.length; start += personIdCharacters) {
      const value = this.ids.find(wordsOfText(text, start))
      if (value < 0) continue
      if (this.isErasedAt(value, at)) return erased
      denied |= this.deniedFor(value, at, event.consent)
    }
    return denied === 0 ? null : withdrawn(event.consent, denied)
  }

  readonly isErased = (ids: Iterable<IdWords>, at: number): boolean => {
    if (this.ids.size === 0) return false
    for (const id of ids) {
      const value = this.ids.find(id)
      if (value >= 0 && this.isErasedAt(value, at)) return true
    }
    return false
  }

  private isErasedAt(value: number, at: number): boolean {
    const seconds = this.ids.words[value + erasedWord]!
    return seconds !== 0 && at <= seconds * 1_000
  }

  /** Of what was denied, what the event says no newer word about. */
  private deniedFor(value: number, at: number, consent: Consent | null): number {
    const denied = this.ids.words[value + deniedWord]!
    if (denied === 0) return 0
    const isBefore = at <= this.ids.words[value + changedWord]! * 1_000
    return purposes.reduce((bits, purpose, index) => {
      const said = consent?.[purpose]
      // What the event denies itself was not withdrawn.
      return said === "denied" || (said === "granted" && !isBefore) ? bits & ~(1 << index) : bits
    }, denied)
  }
}

/** The key of a record on `suppressions`. */
export const suppressionKey = (kind: "erased" | "consent", personId: string): string => `${kind}:${personId}`

const erased: Suppressed = { _tag: "Erased" }

/** Up to the second in which it was: an event of the same second counts as one from before. */
const secondsAfter = (millis: number): number => Math.max(1, Math.ceil(millis / 1_000))

const deniedBits = (record: Suppression): number =>
  purposes.reduce((bits, purpose, index) => (record[purpose] === "denied" ? bits | (1 << index) : bits), 0)

const withdrawn = (consent: Consent | null, denied: number): Suppressed => {
  const of = (index: number) => (denied & (1 << index) ? "denied" : (consent?.[purposes[index]!] ?? null))
  return {
    _tag: "Withdrawn",
    consent: { ...consent, ad_user_data: of(0), ad_personalization: of(1), sale_of_data: of(2) }
  }
}
