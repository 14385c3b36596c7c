/**
 * Finds personal data where it does not belong: in ids, URLs, free text and custom properties. Two kinds: what has the form of
 * anyone's email address, phone number, card, bank account or national id, and this customer's identifiers in any usual spelling.
 */
import type { NormalizedUser, RawUser } from "../../../schemas/types.gen.ts"
import { memo } from "../../../shared/model/memo.ts"
import { isWhatsAppUserId } from "../../../shared/model/platform.ts"
import { normalizeCountry } from "../identity/address.ts"
import type { Drop } from "../identity/field.ts"
import { knownFirstName, knownLastName } from "../identity/person.ts"
import { hasKnownForm, isKnownFormOfId } from "./known-forms.ts"
import { type CustomerNumbers, containsNumber, customerNumbersOf, customerPhonesOf, isPhoneOf } from "./pii-digits.ts"
import { containsFullName, containsName, mayHaveName, type NamePattern, noName } from "./pii-names.ts"
import {
  emailHashesOf,
  hasAt,
  hasEncodedEmail,
  hasEncodedWord,
  hasSevenDigits,
  plain,
  scanText,
  westernDigits,
  wordLengthMin
} from "./text-scan.ts"
import { agentOf } from "./user-agent.ts"

/** What to look for in the texts of one event; the list of the customer's own values is made at the first need. */
export class PersonalData {
  readonly #user: RawUser | null
  readonly #defaultCountries: ReadonlyArray<string>
  #numbers: CustomerNumbers | null = null
  #phones: ReadonlySet<string> | null = null
  #first: NamePattern | null = null
  #last: NamePattern | null = null
  #countries: ReadonlyArray<string> | null = null
  #emailHashes: ReadonlySet<string> | null = null

  /** WhatsApp's id of the customer, in its only spelling. */
  readonly #userId: string | null

  /** @param defaultCountries those of the connections, by whose rules national phone numbers are recognized too */
  constructor(user: RawUser | null, defaultCountries: ReadonlyArray<string> = []) {
    this.#user = user
    this.#defaultCountries = defaultCountries
    const id = user?.whatsapp_user_id?.trim()
    this.#userId = id !== undefined && id.length >= userIdLengthMin && isWhatsAppUserId(id) ? id : null
  }

  /**
   * Whether the text contains an email address (also as base64), anyone's phone number, card, IBAN or national id in its usual form, or the
   * customer's phone number, name or date of birth.
   *
   * @param scan what `scanText` says of the text, where it is known
   */
  inText(text: string, scan: number = scanText(text)): boolean {
    return (
      this.#hasNumberOrAddress(text, scan, true) || this.#containsName(text, scan) || this.#hasEncodedEmail(text, scan)
    )
  }

  /** As `inText`, for a URL or a part of one: long digits are more likely ids there. */
  inUrl(text: string, scan: number = scanText(text)): boolean {
    return (
      this.#hasNumberOrAddress(text, scan, false) || this.#containsName(text, scan) || this.#hasEncodedEmail(text, scan)
    )
  }

  /** As above, of names only both together: for codes and catalog words, where one alone is more likely a brand or a model. */
  inCode(text: string, scan: number = scanText(text)): boolean {
    return (
      this.#hasNumberOrAddress(text, scan, false) ||
      this.#containsFullName(text, scan) ||
      this.#hasEncodedEmail(text, scan)
    )
  }

  /** The customer's full name, address or numbers: a postal code may have the form of another number. */
  inPlace(text: string): boolean {
    const scan = scanText(text)
    if (this.#containsFullName(text, scan) || ((scan & hasAt) !== 0 && hasAddress(text))) return true
    if ((scan & hasSevenDigits) === 0) return false
    this.#numbers ??= customerNumbersOf(this.#user)
    return containsNumber(text, this.#numbers)
  }

  /** As `inCode`, of a place as it was given: in the form for platforms base64 has lost its capitals. */
  inPlaceGiven(field: "city" | "state"): boolean {
    const user = this.#user
    const given = user === null ? null : field === "city" ? user.city : user.state
    return given !== null && given.length >= wordLengthMin && this.inCode(given)
  }

  /** As `inCode`; in an app's user agent also one name alone, since it may hold the name of the device (`Jane's iPhone`). */
  inUserAgent(text: string): boolean {
    const agent = agentOf(text)
    const { scan, unusualWords } = agent
    if (this.#hasNumberOrAddress(text, scan, false) || this.#hasEncodedEmail(text, scan)) return true
    if (agent.isBrowser) return this.#containsFullName(text, scan)
    return this.#mayContainName(scan) && unusualWords !== "" && this.#containsName(unusualWords, agent.wordsScan)
  }

  /**
   * For ids by which platforms deduplicate, such as an order's: they stay as they are, whatever single words or digits they share
   * with the customer, but for an email address, a phone number and the customer's full name.
   *
   * @param inWords whether a word before the customer's number makes it an id (`order-14155552671`), which a tag sends too
   */
  inId(text: string, scan: number = scanText(text), inWords = false): boolean {
    if (this.#containsFullName(text, scan) || this.#hasEncodedEmail(text, scan)) return true
    if ((scan & (hasAt | hasSevenDigits)) === 0) return false
    if ((scan & hasAt) !== 0 && hasAddress(text)) return true
    if ((scan & hasSevenDigits) === 0) return false
    const western = (scan & plain) === 0 ? westernDigits(text) : text
    if (isKnownFormOfId(western)) return true
    // A text that is the customer's number has its last digits; nearly no other has.
    if (inWords && hasLetter.test(western)) return false
    this.#numbers ??= customerNumbersOf(this.#user)
    if (!containsNumber(western, this.#numbers)) return false
    this.#phones ??= customerPhonesOf(this.#user, this.#knownCountries())
    return isPhoneOf(western, this.#phones)
  }

  #hasNumberOrAddress(text: string, scan: number, bareCards: boolean): boolean {
    if (this.#userId !== null && text.includes(this.#userId)) return true
    if ((scan & (hasAt | hasSevenDigits)) === 0 || text.length <= 4) return false
    if ((scan & hasAt) !== 0 && hasAddress(text)) return true
    if ((scan & hasSevenDigits) === 0) return false
    const western = (scan & plain) === 0 ? westernDigits(text) : text
    this.#numbers ??= customerNumbersOf(this.#user)
    return (
      containsNumber(western, this.#numbers) || hasKnownForm(western, { countries: this.#phoneCountries(), bareCards })
    )
  }

  /** The customer's country, else the connections'. Where none is known, countries whose numbers are written in distinct ways. */
  #phoneCountries(): ReadonlyArray<string> {
    if (this.#countries !== null) return this.#countries
    const known = this.#knownCountries()
    this.#countries = known.length > 0 ? known : anyCountry
    return this.#countries
  }

  #knownCountries(): ReadonlyArray<string> {
    const given = this.#user?.country ?? null
    const country = given === null ? null : normalizeCountry(given)
    return country !== null && "value" in country ? [country.value] : this.#defaultCountries
  }

  /** Whether a text may have all letters of one of the names. */
  #mayContainName(scan: number): boolean {
    const user = this.#user
    if (user === null || (user.first_name === null && user.last_name === null)) return false
    this.#first ??= patternOfFirst(user)
    this.#last ??= patternOfLast(user)
    return mayHaveName(scan, this.#first) || mayHaveName(scan, this.#last)
  }

  #containsName(text: string, scan: number): boolean {
    const user = this.#user
    if (user === null) return false
    this.#first ??= patternOfFirst(user)
    this.#last ??= patternOfLast(user)
    return containsName(text, scan, this.#first, this.#last)
  }

  #containsFullName(text: string, scan: number): boolean {
    const user = this.#user
    if (user === null || user.first_name === null || user.last_name === null) return false
    this.#first ??= patternOfFirst(user)
    this.#last ??= patternOfLast(user)
    return containsFullName(text, scan, this.#first, this.#last)
  }

  #hasEncodedEmail(text: string, scan: number): boolean {
    return (scan & hasEncodedWord) !== 0 && hasEncodedEmail(text, this)
  }

  /** MD5 and SHA-1 of the customer's addresses. */
  emailHashes(): ReadonlySet<string> {
    this.#emailHashes ??= emailHashesOf(this.#user?.email ?? null)
    return this.#emailHashes
  }
}

const patternOfFirst = ({ first_name: name }: RawUser) => (name === null ? noName : knownFirstName(name).pattern)
const patternOfLast = ({ last_name: name }: RawUser) => (name === null ? noName : knownLastName(name).pattern)

/** A shorter one stands in texts without one. */
const userIdLengthMin = 8
const anyCountry: ReadonlyArray<string> = ["DE", "FR", "GB", "IT", "JP", "AU"]

/**
 * Takes personal data out of the fields that travel in clear, whose own grammar does not already forbid it. An opaque id may
 * share digits with the customer.
 */
export const redactUser = (user: NormalizedUser, personal: PersonalData, drop: Drop): NormalizedUser => {
  // Field by field, since reading a field by a name that changes is slow; nearly always nothing is found.
  let redacted = redact(user, "user_agent", user.user_agent !== null && personal.inUserAgent(user.user_agent), drop)
  redacted = redact(redacted, "zip_plain", isPersonalPlace(user.zip_plain, personal), drop)
  redacted = redact(
    redacted,
    "city_plain",
    user.city_plain !== null && (isPersonalPlace(user.city_plain, personal) || personal.inPlaceGiven("city")),
    drop
  )
  redacted = redact(
    redacted,
    "state_plain",
    user.state_plain !== null && (isPersonalPlace(user.state_plain, personal) || personal.inPlaceGiven("state")),
    drop
  )
  redacted = redact(redacted, "lead_id", isPersonal(user.lead_id, personal), drop)
  redacted = redact(redacted, "fb_login_id", isPersonal(user.fb_login_id, personal), drop)
  redacted = redact(redacted, "page_scoped_user_id", isPersonal(user.page_scoped_user_id, personal), drop)
  redacted = redact(redacted, "ig_sid", isPersonal(user.ig_sid, personal), drop)
  redacted = redact(redacted, "subscription_id", isPersonal(user.subscription_id, personal), drop)
  redacted = redact(redacted, "anon_id", isPersonal(user.anon_id, personal), drop)
  redacted = redact(redacted, "sc_cookie1", isPersonal(user.sc_cookie1, personal), drop)
  redacted = redact(redacted, "ttp", isPersonal(user.ttp, personal), drop)
  return user.click_ids === null ? redacted : redactClickIds(redacted, user.click_ids, personal, drop)
}

const redact = (user: NormalizedUser, field: keyof NormalizedUser, isFound: boolean, drop: Drop): NormalizedUser => {
  if (!isFound) return user
  drop(`user.${field}`, "personal_data")
  return { ...user, [field]: null }
}

const redactClickIds = (
  user: NormalizedUser,
  clickIds: Readonly<Record<string, string>>,
  personal: PersonalData,
  drop: Drop
): NormalizedUser => {
  const named = Object.entries(clickIds)
  const opaque = named.filter(([, id]) => !isPersonal(id, personal))
  if (opaque.length === named.length) return user
  drop("user.click_ids", "personal_data")
  return { ...user, click_ids: opaque.length === 0 ? null : Object.fromEntries(opaque) }
}

/** A value as short as the code of a state contains nothing. */
const isPersonalPlace = (value: string | null, personal: PersonalData): boolean =>
  value !== null && value.length > 4 && personal.inPlace(value)

const isPersonal = (id: string | null, personal: PersonalData): boolean => id !== null && personal.inId(id)

/** An address anywhere in the text, percent-encoded or not. */
export const looksLikeEmail = (text: string): boolean =>
  (text.includes("@") || text.includes("%40") || text.includes("＠")) && hasAddress(text)

/**
 * Whether a domain, with a dot and a letter behind it, follows an at sign in one piece. Of each piece only what stands behind
 * its first at sign is looked at, since what stands behind another one is a part of that.
 */
const hasAddress = (text: string): boolean => {
  if (!text.includes(".") && !encodedDot.test(text)) return false
  for (const [, domain] of text.matchAll(behindAtSign))
    if (domain!.length >= domainMin && dotAndLetter.test(domain!)) return true
  return false
}

const encodedDot = /%2e/i
/** A character, a dot and a letter. */
const domainMin = 3

const behindAtSign = /(?<=[^\s@＠])(?:@|＠|%40)([^\s@＠]*)/gu
const dotAndLetter = /[^.](?:\.|%2e)\p{L}/iu

const hasLetter = /\p{L}/u

/** Names of the ids that an order, a payment or a product has in a shop, by which platforms and tags deduplicate. */
export const isOrderIdName: (name: string) => boolean = memo(4_096, (name) => orderIdName.test(name))

const orderIdName =
  /(?:^|[-_. ])(?:order|transaction|txn|invoice|payment|checkout|cart|receipt|booking|reservation|ticket|product|item|variant)[-_. ]?(?:id|ids|number|num|no|nr|ref|reference|key|token|code)$|^sku$/i
