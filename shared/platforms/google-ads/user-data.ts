/** The Google Ads API's `userIdentifiers` of click conversions: email and phone only, five at most. */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import { phoneHashes } from "../../mapping/identifiers.ts"
import type { Dropped } from "../../mapping/result.ts"
import type { Json, JsonObject, MappingContext } from "../connector.ts"
import { noteBeyond } from "../google/user-data.ts"

/** The most user identifiers of one conversion (Google Ads API, ClickConversion). */
const identifiersMax = 5

/** `{ userIdentifiers: [...] }`, or an empty object. */
export const formatUserData = (user: NormalizedUser, context: MappingContext): JsonObject => {
  const identifiers: Array<Json> = []
  for (const email of user.email_google) {
    if (identifiers.length < identifiersMax) identifiers.push({ hashedEmail: email })
  }
  for (const phone of phoneHashes(user, "e164", context.connection.mapping.defaultCountry)) {
    if (identifiers.length < identifiersMax) identifiers.push({ hashedPhoneNumber: phone })
  }
  return identifiers.length === 0 ? {} : { userIdentifiers: identifiers }
}

/** Notes the emails and phone numbers for which `formatUserData` has no room. */
export const noteLeftOut = (user: NormalizedUser, context: MappingContext, dropped: Array<Dropped>): void => {
  if (user.email_google.length + user.phones.length > identifiersMax) {
    noteBeyond(identifiersMax, user, context, dropped)
  }
}
