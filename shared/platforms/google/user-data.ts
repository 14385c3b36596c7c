/** The Data Manager API's `userData`: one object per identifier (Data Manager, formatting user data). */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import { phoneHashes } from "../../mapping/identifiers.ts"
import type { Json, JsonObject, MappingContext } from "../connector.ts"

/** The most identifiers of one event (Data Manager, limits). */
const identifiersMax = 10

/** `{ userIdentifiers: [...] }`, or an empty object. The address goes only with all four of its parts. */
export const formatUserData = (user: NormalizedUser, context: MappingContext): JsonObject => {
  const address = addressOf(user)
  const room = address === null ? identifiersMax : identifiersMax - 1
  const identifiers: Array<Json> = []
  for (const email of user.email_google) {
    if (identifiers.length < room) identifiers.push({ emailAddress: email })
  }
  for (const phone of phoneHashes(user, "e164", context.connection.mapping.defaultCountry)) {
    if (identifiers.length < room) identifiers.push({ phoneNumber: phone })
  }
  if (address !== null) identifiers.push({ address })
  return identifiers.length === 0 ? {} : { userIdentifiers: identifiers }
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
