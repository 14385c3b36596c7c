import type { RawUser } from "../../../schemas/types.gen.ts"
import { memo } from "../../../shared/model/memo.ts"
import { isWhatsAppUserId } from "../../../shared/model/platform.ts"
import { type CustomerNumbers, containsNumber, customerNumbersOf, customerPhonesOf, isPhoneOf } from "./pii-digits.ts"
import { containsName, type NamePattern, namePatternOf } from "./pii-names.ts"
import { hasAt, hasSevenDigits, scanText } from "./text-scan.ts"

/**
 * Finds personal data where it does not belong: in URLs, free text and custom properties. Two kinds: what looks like an
 * email address or a phone number of anybody, and this customer's identifiers in any usual spelling.
 */

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
