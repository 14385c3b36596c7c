/**
 * Finds personal data where it does not belong: in URLs, free text and custom properties. Two kinds: what looks like an
 * email address or a phone number of anybody, and this customer's identifiers in any usual spelling.
 */
import type { NormalizedUser, RawUser } from "../../../schemas/types.gen.ts"
import { memo } from "../../../shared/model/memo.ts"
import { isWhatsAppUserId } from "../../../shared/model/platform.ts"
import type { Drop } from "../identity/field.ts"
import { type CustomerNumbers, containsNumber, customerNumbersOf, customerPhonesOf, isPhoneOf } from "./pii-digits.ts"
import { containsName, type NamePattern, namePatternOf } from "./pii-names.ts"
import { hasAt, hasSevenDigits, scanText } from "./text-scan.ts"

/** What to look for in the texts of one event; the list of the customer's own values is made at the first need. */
export class PersonalData {
  readonly #user: RawUser | null
  #numbers: CustomerNumbers | null = null
  #phones: ReadonlySet<string> | null = null
  #first: NamePattern | null = null
  #last: NamePattern | null = null

  /** WhatsApp's id of the customer, in its only spelling. */
  readonly #userId: string | null

  constructor(user: RawUser | null) {
    this.#user = user
    const id = user?.whatsapp_user_id?.trim()
    this.#userId = id !== undefined && id.length >= userIdLengthMin && isWhatsAppUserId(id) ? id : null
  }

  /**
   * Whether the text contains an email address, or the customer's phone number, name or date of birth.
   *
   * @param scan what `scanText` says of the text, where it is known
   */
  inText(text: string, scan: number = scanText(text)): boolean {
    return this.inCode(text, scan) || this.#containsName(text, scan)
  }

  /** As above without names: for codes and catalog words, where a name is more likely a brand or a model. */
  inCode(text: string, scan: number = scanText(text)): boolean {
    if (this.#userId !== null && text.includes(this.#userId)) return true
    if ((scan & (hasAt | hasSevenDigits)) === 0 || text.length <= 4) return false
    if ((scan & hasAt) !== 0 && hasAddress(text)) return true
    if ((scan & hasSevenDigits) === 0) return false
    this.#numbers ??= customerNumbersOf(this.#user)
    return containsNumber(text, this.#numbers)
  }

  /**
   * For ids by which platforms deduplicate, such as an order's: they stay as they are, whatever words or digits they share
   * with the customer, but for an email address and for what is the customer's phone number and nothing else.
   */
  inId(text: string, scan: number = scanText(text)): boolean {
    if ((scan & (hasAt | hasSevenDigits)) === 0) return false
    if ((scan & hasAt) !== 0 && hasAddress(text)) return true
    if ((scan & hasSevenDigits) === 0) return false
    // A text that is the customer's number has its last digits; nearly no other has.
    this.#numbers ??= customerNumbersOf(this.#user)
    if (!containsNumber(text, this.#numbers)) return false
    this.#phones ??= customerPhonesOf(this.#user)
    return isPhoneOf(text, this.#phones)
  }

  #containsName(text: string, scan: number): boolean {
    const user = this.#user
    if (user === null) return false
    this.#first ??= namePatternOf(user.first_name)
    this.#last ??= namePatternOf(user.last_name)
    return containsName(text, scan, this.#first, this.#last)
  }
}

/** A shorter one stands in innocent texts. */
const userIdLengthMin = 8

/**
 * Takes personal data out of the fields that travel in clear, whose own grammar does not already forbid it. An opaque id may
 * share digits with the customer.
 */
export const redactUser = (user: NormalizedUser, personal: PersonalData, drop: Drop): NormalizedUser => {
  // Field by field, since reading a field by a name that changes is slow; nearly always nothing is found.
  let redacted = redact(user, "user_agent", containsPii(user.user_agent, personal), drop)
  redacted = redact(redacted, "zip_plain", containsPii(user.zip_plain, personal), drop)
  redacted = redact(redacted, "city_plain", containsPii(user.city_plain, personal), drop)
  redacted = redact(redacted, "state_plain", containsPii(user.state_plain, personal), drop)
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
const containsPii = (value: string | null, personal: PersonalData): boolean =>
  value !== null && value.length > 4 && personal.inCode(value)

const isPersonal = (id: string | null, personal: PersonalData): boolean => id !== null && personal.inId(id)

/** An address anywhere in the text, percent-encoded or not. */
export const looksLikeEmail = (text: string): boolean =>
  (text.includes("@") || text.includes("%40") || text.includes("＠")) && hasAddress(text)

/**
 * Whether a domain, with a dot and a letter behind it, follows an at sign in one piece. Of each piece only what stands behind
 * its first at sign is looked at, since what stands behind another one is a part of that.
 */
const hasAddress = (text: string): boolean => {
  for (const [, domain] of text.matchAll(behindAtSign)) if (dotAndLetter.test(domain!)) return true
  return false
}

const behindAtSign = /(?<=[^\s@＠])(?:@|＠|%40)([^\s@＠]*)/gu
const dotAndLetter = /[^.](?:\.|%2e)\p{L}/iu

/** Whether a parameter or property of this name holds an identifier, whatever its value looks like. */
export const isIdentifierName: (name: string) => boolean = memo(4_096, (name) => identifierName.test(name))

const identifierName =
  /^(?:(?:user|customer|contact|billing|shipping)?[-_. ]?(?:e[-_]?mail(?:[-_]?address)?|phone(?:[-_]?number)?|telephone|msisdn|first[-_]?name|last[-_]?name|full[-_]?name|given[-_]?name|family[-_]?name|surname|birth[-_]?date|birthday|date[-_]?of[-_]?birth)|dob|tel|mail|fname|lname|em|ph|fn|ln)$/i

/** Names of the ids that an order, a payment or a product has in a shop, by which platforms and tags deduplicate. */
export const isOrderIdName: (name: string) => boolean = memo(4_096, (name) => orderIdName.test(name))

const orderIdName =
  /(?:^|[-_. ])(?:order|transaction|txn|invoice|payment|checkout|cart|receipt|booking|reservation|ticket|product|item|variant)[-_. ]?(?:id|ids|number|num|no|nr|ref|reference|key|token|code)$|^sku$/i

/** Whether the text before a position ends as a name of `isIdentifierName` does; false is sure, true is not. */
export const mayEndIdentifier = (text: string, end: number): boolean => {
  // Of a letter, 32 more is its lower case.
  const last = text.charCodeAt(end - 1) | 0x20
  const before = text.charCodeAt(end - 2) | 0x20
  return lastPairs[((before & 127) << 7) | (last & 127)] === 1
}

/** The last two letters of every name in the expression. */
const lastPairs = new Uint8Array(128 * 128)
for (const pair of ["il", "ss", "ne", "er", "dn", "me", "te", "ay", "th", "ob", "el", "em", "ph", "fn", "ln"]) {
  lastPairs[(pair.charCodeAt(0) << 7) | pair.charCodeAt(1)] = 1
}
