/** The Data Manager API's `userData`: one object per identifier (Data Manager, formatting user data). */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { Json, JsonObject } from "../connector.ts"
import { phoneHashes } from "../mapping/identifiers.ts"
import type { Dropped } from "../mapping/result.ts"

/** The most identifiers of one event (Data Manager, limits). */
const identifiersMax = 10

/** `{ userIdentifiers: [...] }`, or an empty object. The address goes only with all four of its parts. */
export const formatUserData = (user: NormalizedUser, connection: Connection): JsonObject => {
  const address = addressOf(user)
  const room = roomBeside(address)
  const identifiers: Array<Json> = []
  for (const email of user.email_google) {
    if (identifiers.length < room) identifiers.push({ emailAddress: email })
  }
  for (const phone of phoneHashes(user, "e164", connection.mapping.defaultCountry)) {
    if (identifiers.length < room) identifiers.push({ phoneNumber: phone })
  }
  if (address !== null) identifiers.push({ address })
  return identifiers.length === 0 ? {} : { userIdentifiers: identifiers }
}

const roomBeside = (address: JsonObject | null): number => (address === null ? identifiersMax : identifiersMax - 1)

/** Notes the emails and phone numbers for which `formatUserData` has no room. */
export const noteLeftOut = (user: NormalizedUser, connection: Connection, dropped: Array<Dropped>): void => {
  if (user.email_google.length + user.phones.length < identifiersMax) return
  noteBeyond(roomBeside(addressOf(user)), user, connection, dropped)
}

/** Emails come first, then phone numbers; what is beyond the limit stays behind. */
export const noteBeyond = (
  room: number,
  user: NormalizedUser,
  connection: Connection,
  dropped: Array<Dropped>
): void => {
  const emails = user.email_google.length
  const phones = phoneHashes(user, "e164", connection.mapping.defaultCountry).length
  if (emails > room) dropped.push({ field: "user.email", reason: "too_many" })
  if (phones > 0 && emails + phones > room) dropped.push({ field: "user.phone", reason: "too_many" })
}

const addressOf = (user: NormalizedUser): JsonObject | null =>
  user.first_name_google !== null &&
  user.last_name_google !== null &&
  user.country_code !== null &&
  user.zip_plain !== null
    ? {
        givenName: user.first_name_google,
        familyName: user.last_name_google,
        regionCode: user.country_code,
        postalCode: user.zip_plain
      }
    : null
