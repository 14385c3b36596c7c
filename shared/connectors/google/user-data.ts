/** `userIdentifiers` of both Google APIs: one object for each identifier, emails first, then phone numbers, then the address. */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { Json, JsonObject } from "../connector.ts"
import { phoneHashes } from "../mapping/identifiers.ts"
import type { Dropped } from "../mapping/result.ts"

/** How an API writes identifiers. */
export interface IdentifierForm {
  /** The most identifiers of one event. */
  readonly max: number
  readonly email: (hash: string) => JsonObject
  readonly phone: (hash: string) => JsonObject
  readonly address: (address: Address) => JsonObject
}

/** The address goes only with all four of its parts. City and state stay out, since only some forms of them are in clear. */
export interface Address {
  readonly firstName: string
  readonly lastName: string
  readonly countryCode: string
  readonly postalCode: string
}

/** `{ userIdentifiers: [...] }`, or an empty object. */
export const userIdentifiers = (
  user: NormalizedUser,
  connection: Connection,
  form: IdentifierForm,
  withAddress: boolean
): JsonObject => {
  const address = withAddress ? addressOf(user) : null
  const room = roomBeside(address, form)
  const identifiers: Array<Json> = []
  for (const email of user.email_google) if (identifiers.length < room) identifiers.push(form.email(email))
  for (const phone of phoneHashes(user, "e164", connection.mapping.defaultCountry))
    if (identifiers.length < room) identifiers.push(form.phone(phone))
  if (address !== null) identifiers.push(form.address(address))
  return identifiers.length === 0 ? {} : { userIdentifiers: identifiers }
}

/** Notes the emails and phone numbers for which `userIdentifiers` has no room. */
export const noteLeftOut = (
  user: NormalizedUser,
  connection: Connection,
  form: IdentifierForm,
  withAddress: boolean,
  dropped: Array<Dropped>
): void => {
  const emails = user.email_google.length
  if (emails + user.phones.length < form.max) return
  const room = roomBeside(withAddress ? addressOf(user) : null, form)
  const phones = phoneHashes(user, "e164", connection.mapping.defaultCountry).length
  if (emails > room) dropped.push({ field: "user.email", reason: "too_many" })
  if (phones > 0 && emails + phones > room) dropped.push({ field: "user.phone", reason: "too_many" })
}

const roomBeside = (address: Address | null, { max }: IdentifierForm): number => (address === null ? max : max - 1)

const addressOf = (user: NormalizedUser): Address | null => {
  const { first_name_google: firstName, last_name_google: lastName } = user
  const { country_code: countryCode, zip_plain: postalCode } = user
  return firstName !== null && lastName !== null && countryCode !== null && postalCode !== null
    ? { firstName, lastName, countryCode, postalCode }
    : null
}

/** The Data Manager API's form (Data Manager, formatting user data; limits). */
const dataManagerForm: IdentifierForm = {
  max: 10,
  email: (emailAddress) => ({ emailAddress }),
  phone: (phoneNumber) => ({ phoneNumber }),
  address: ({ firstName, lastName, countryCode, postalCode }) => ({
    address: { givenName: firstName, familyName: lastName, regionCode: countryCode, postalCode }
  })
}

/** The Data Manager API's `userData`. */
export const formatUserData = (user: NormalizedUser, connection: Connection): JsonObject =>
  userIdentifiers(user, connection, dataManagerForm, true)

/** Notes what the Data Manager API's `userData` has no room for. */
export const noteLeftOutOfUserData = (user: NormalizedUser, connection: Connection, dropped: Array<Dropped>): void =>
  noteLeftOut(user, connection, dataManagerForm, true, dropped)
