/** What a mapping gives, a payload while it is being built, and the customer's identifiers as far as every platform reads them alike. */

import type { NormalizedPhone, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { Json, JsonObject } from "../../model/json.ts"

/** The one element of a request body that an event becomes, or why it does not become one. */
export type MapResult =
  | {
      readonly _tag: "Payload"
      readonly platformEvent: string
      readonly payload: JsonObject
      /**
       * Events of equal group may share a request: what the request's envelope needs to know of them, written by
       * `batchGroup` of `http/json.ts`; the keys are the kind's.
       */
      readonly batchGroup: string
      /** The last time at which the platform takes the event, in milliseconds since the epoch; null without an age limit. */
      readonly deadline: number | null
      /** Fields that this platform's rules left out. */
      readonly dropped: ReadonlyArray<Dropped>
      /** Whom a message goes to, sealed; null where the payload holds the customer's identifiers. */
      readonly sealedRecipient: string | null
    }
  | NotMapped

export type NotMapped =
  /** Not meant for this platform: consent, filter, no_mapping. */
  | { readonly _tag: "Skipped"; readonly reason: string; readonly message: string }
  /** Meant for it, but the platform would refuse it. `nextStep`: what a person can do about it, where the reason does not say it. */
  | { readonly _tag: "Rejected"; readonly reason: string; readonly message: string; readonly nextStep?: string }

export interface Dropped {
  readonly field: string
  readonly reason: string
}

/** A payload under construction; insertion order is the order of its bytes. */
export type PayloadBuilder = { [key: string]: Json }

/** The event isn't meant for the connection. */
export const skipped = (reason: string, message: string): NotMapped => ({ _tag: "Skipped", reason, message })

/** The platform would refuse the event. */
export const rejected = (reason: string, message: string, nextStep?: string): NotMapped =>
  nextStep === undefined ? { _tag: "Rejected", reason, message } : { _tag: "Rejected", reason, message, nextStep }

/**
 * Sets a key unless the value is null, so that a payload holds no nulls. For what few events have: a key that nearly all have is set by
 * its name (`if (ip) data["ip"] = ip`), which V8 compiles to one store, while it looks up a key that comes as an argument.
 */
export const put = (target: PayloadBuilder, key: string, value: Json | undefined): void => {
  if (value !== null && value !== undefined && value !== "") target[key] = value
}

export const isEmpty = (target: Readonly<PayloadBuilder>): boolean => {
  for (const _ in target) return false
  return true
}

/**
 * The parts as one text, written out at once. V8 keeps a text that `+` or a template makes of others as a tree, and its fast
 * `JSON.stringify` takes none with such a text, or with a view into a longer one, anywhere in the object.
 */
export const flattenString = (...parts: ReadonlyArray<string | number>): string => parts.join("")

/**
 * The customer's hashed fields under the names that Meta's API has given them and others took over: each a list of hashes, in
 * this order. Those of `forms` have more than one form.
 */
export const hashedUser = (
  user: NormalizedUser,
  connection: Connection,
  forms: Pick<NormalizedUser, "first_name" | "last_name" | "city" | "state" | "zip">
): PayloadBuilder => {
  const { country, date_of_birth: born, email, gender } = user
  const { city, first_name: first, last_name: last, state, zip } = forms
  const phones = phoneHashes(user, "digits", connection.mapping.defaultCountry)
  const ids = externalIds(user, connection)
  const isAddressed = city !== null && state !== null && zip !== null && country !== null
  const isNamed = first !== null && last !== null && gender !== null && born !== null
  if (email.length > 0 && phones.length > 0 && ids.length > 0 && isAddressed && isNamed) {
    // One object of this size, where one that grows key by key is moved four times.
    return {
      em: email,
      ph: phones,
      fn: [first],
      ln: [last],
      ge: [gender],
      db: [born],
      ct: [city],
      st: [state],
      zp: [zip],
      country: [country],
      external_id: ids
    }
  }
  const data: PayloadBuilder = {}
  if (email.length > 0) data["em"] = email
  if (phones.length > 0) data["ph"] = phones
  if (first !== null) data["fn"] = [first]
  if (last !== null) data["ln"] = [last]
  if (gender !== null) data["ge"] = [gender]
  if (born !== null) data["db"] = [born]
  if (city !== null) data["ct"] = [city]
  if (state !== null) data["st"] = [state]
  if (zip !== null) data["zp"] = [zip]
  if (country !== null) data["country"] = [country]
  if (ids.length > 0) data["external_id"] = ids
  return data
}

/**
 * One form of the phone numbers that a connection may use: those whose country was known from the event, those read with the
 * connection's own default country, and without one those that only their digits make international. Each hash once.
 */
export const phoneHashes = (
  user: NormalizedUser,
  form: PhoneForm,
  defaultCountry: string | null
): ReadonlyArray<string> => {
  const phones = user.phones
  if (phones.length === 0) return none
  const first = phones[0]!
  if (phones.length === 1) return usable(first, defaultCountry) ? [first[form]] : none
  const hashes: Array<string> = []
  for (const phone of phones) {
    if (usable(phone, defaultCountry) && !hashes.includes(phone[form])) hashes.push(phone[form])
  }
  return hashes
}

/** The forms that a phone number is hashed in. */
export type PhoneForm = Exclude<keyof NormalizedPhone, "sealed" | "default_country" | "assumed_international">

/** Whom a message may be sent to, sealed: the first usable phone number, else the messaging service's id of the customer. */
export const sealedRecipient = (user: NormalizedUser, defaultCountry: string | null): string | null => {
  for (const phone of user.phones) if (phone.sealed !== null && usable(phone, defaultCountry)) return phone.sealed
  return user.whatsapp_user_sealed
}

/** Whether the connection may use one of the phone numbers at all. */
export const usablePhone = (user: NormalizedUser, defaultCountry: string | null): boolean => {
  for (const phone of user.phones) if (usable(phone, defaultCountry)) return true
  return false
}

/** Whether the connection uses a phone number that is international by its digits alone. */
export const assumesPhone = (user: NormalizedUser, defaultCountry: string | null): boolean => {
  if (defaultCountry !== null) return false
  for (const phone of user.phones) if (phone.assumed_international) return true
  return false
}

const usable = (phone: NormalizedPhone, defaultCountry: string | null): boolean =>
  phone.default_country === null
    ? !phone.assumed_international || defaultCountry === null
    : phone.default_country === defaultCountry

/**
 * The customer's ids that a connection may use: without one, the anonymous id stands in, unless the connection's
 * `mapping.anonymous_id` is `ignore`.
 */
export const externalIds = (user: NormalizedUser, connection: Connection): ReadonlyArray<string> => {
  if (user.external_id.length > 0 || user.anonymous_id === null) return user.external_id
  return connection.mapping.anonymousId === "ignore" ? user.external_id : [user.anonymous_id]
}

/** The mobile advertising id's kind, by the app's platform (i2, a2), else by the user agent; null where neither says it. */
export const mobileSystem = (userAgent: string | null, extinfo: ReadonlyArray<string>): "ios" | "android" | null => {
  const first = extinfo[0]
  if (first === "i2") return "ios"
  if (first === "a2") return "android"
  if (userAgent === null) return null
  if (/iPhone|iPad|iPod|iOS|CFNetwork|Darwin/.test(userAgent)) return "ios"
  return /Android|okhttp|Dalvik/.test(userAgent) ? "android" : null
}

const none: ReadonlyArray<string> = []
