/** The Google Ads API's `userIdentifiers`: emails, phone numbers and, where it is taken, the address; five at most. */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { Json, JsonObject } from "../connector.ts"
import { noteBeyond } from "../google/user-data.ts"
import { phoneHashes } from "../mapping/identifiers.ts"
import type { Dropped } from "../mapping/result.ts"

/** The most user identifiers of one conversion (Google Ads API, ClickConversion). */
const identifiersMax = 5

/**
 * `{ userIdentifiers: [...] }` of a click conversion, or an empty object. The reference names email and phone number only;
 * with `mapping.address_identifiers` the address goes too.
 */
export const formatUserData = (user: NormalizedUser, connection: Connection): JsonObject =>
  userData(user, connection, takesAddress(connection))

/** As `formatUserData`; `withAddress` adds the address, where all four of its parts are known. */
export const userData = (user: NormalizedUser, connection: Connection, withAddress: boolean): JsonObject => {
  const address = withAddress ? addressOf(user) : null
  const room = roomBeside(address)
  const identifiers: Array<Json> = []
  for (const email of user.email_google) {
    if (identifiers.length < room) identifiers.push({ hashedEmail: email })
  }
  for (const phone of phoneHashes(user, "e164", connection.mapping.defaultCountry)) {
    if (identifiers.length < room) identifiers.push({ hashedPhoneNumber: phone })
  }
  if (address !== null) identifiers.push({ addressInfo: address })
  return identifiers.length === 0 ? {} : { userIdentifiers: identifiers }
}

/** Whether the connection sends addresses with click conversions. */
export const takesAddress = (connection: Connection): boolean => connection.mapping.addressIdentifiers === true

/** Notes the emails and phone numbers for which `userData` has no room. */
export const noteLeftOut = (
  user: NormalizedUser,
  connection: Connection,
  withAddress: boolean,
  dropped: Array<Dropped>
): void => {
  if (user.email_google.length + user.phones.length < identifiersMax) return
  noteBeyond(roomBeside(withAddress ? addressOf(user) : null), user, connection, dropped)
}

const roomBeside = (address: JsonObject | null): number => (address === null ? identifiersMax : identifiersMax - 1)

/** City and state stay out, since only some forms of them are in clear. */
const addressOf = (user: NormalizedUser): JsonObject | null =>
  user.first_name_google !== null &&
  user.last_name_google !== null &&
  user.country_code !== null &&
  user.zip_plain !== null
    ? {
        hashedFirstName: user.first_name_google,
        hashedLastName: user.last_name_google,
        countryCode: user.country_code,
        postalCode: user.zip_plain
      }
    : null
