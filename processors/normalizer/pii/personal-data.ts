/**
 * Finds personal data where it does not belong: in URLs, free text and custom properties. Two kinds: what looks like an
 * email address or a phone number of anybody, and this customer's own identifiers in any usual spelling.
 */
import type { RawUser } from "../../../schemas/types.gen.ts"
import { isWhatsAppUserId } from "../../../shared/model/whatsapp-user-id.ts"
import { isPhoneOf, type OwnNumbers, ownNumbersOf, ownPhonesOf, tellsNumber } from "./pii-digits.ts"
import { type OwnName, ownNameOf, tellsName } from "./pii-names.ts"
import { hasAt, hasSevenDigits, scanText } from "./text-scan.ts"

/** What to look for in the texts of one event; the list of the customer's own values is made at the first need. */
export class PersonalData {
  readonly #user: RawUser | null
  #numbers: OwnNumbers | null = null
  #phones: ReadonlySet<string> | null = null
  #first: OwnName | null = null
  #last: OwnName | null = null

  /** WhatsApp's id of the customer, in its only spelling. */
  readonly #userId: string | null

  constructor(user: RawUser | null) {
    this.#user = user
    const id = user?.whatsapp_user_id?.trim()
    this.#userId = id !== undefined && id.length >= userIdLengthMin && isWhatsAppUserId(id) ? id : null
  }

  /**
   * Whether the text tells an email address, or the customer's phone number, name or date of birth.
   *
   * @param scan what `scanText` tells of the text, where it is known
   */
  inText(text: string, scan: number = scanText(text)): boolean {
    return this.inCode(text, scan) || this.#tellsName(text, scan)
  }

  /** As above without names: for codes and catalog words, where a name is more likely a brand or a model. */
  inCode(text: string, scan: number = scanText(text)): boolean {
    if (this.#userId !== null && text.includes(this.#userId)) return true
    if ((scan & (hasAt | hasSevenDigits)) === 0 || text.length <= 4) return false
    if ((scan & hasAt) !== 0 && hasAddress(text)) return true
    if ((scan & hasSevenDigits) === 0) return false
    this.#numbers ??= ownNumbersOf(this.#user)
    return tellsNumber(text, this.#numbers)
  }

  /**
   * For ids by which platforms deduplicate, such as an order's: they stay as they are, whatever words or digits they share
   * with the customer, but for an email address and for what is the customer's phone number and nothing else.
   */
  inId(text: string, scan: number = scanText(text)): boolean {
    if ((scan & (hasAt | hasSevenDigits)) === 0) return false
    if ((scan & hasAt) !== 0 && hasAddress(text)) return true
    if ((scan & hasSevenDigits) === 0) return false
    // A text that is the whole number has its last digits; nearly no other has.
    this.#numbers ??= ownNumbersOf(this.#user)
    if (!tellsNumber(text, this.#numbers)) return false
    this.#phones ??= ownPhonesOf(this.#user)
    return isPhoneOf(text, this.#phones)
  }

  #tellsName(text: string, scan: number): boolean {
    const user = this.#user
    if (user === null) return false
    this.#first ??= ownNameOf(user.first_name)
    this.#last ??= ownNameOf(user.last_name)
    return tellsName(text, scan, this.#first, this.#last)
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
