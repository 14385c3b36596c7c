/**
 * Match quality: an offline estimate, 0 to 10, of how well a platform will match the customer. Each identifier that the
 * platform uses has a probability of finding the customer alone (`match_quality` of its catalog); together,
 * taken as independent, they find the customer with 1 - (1-p1)(1-p2)…, of which the estimate is ten times.
 */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import { connectors } from "../registry.ts"
import { externalIds, sealedRecipient, usablePhone } from "./identifiers.ts"

export interface MissingIdentifier {
  readonly name: string
  /** How much the estimate would rise with it. */
  readonly gain: number
}

/** The estimate for the customer at the connection, with one decimal. */
export const matchQuality = (user: NormalizedUser, connection: Connection): number => {
  let miss = 1
  for (const factor of factorsOf[connection.kind]!) if (factor.present(user, connection)) miss *= 1 - factor.weight
  return oneDecimal(10 * (1 - miss))
}

/** The identifiers that the event lacks, the most helpful first. */
export const missingIdentifiers = (user: NormalizedUser, connection: Connection): ReadonlyArray<MissingIdentifier> => {
  let miss = 1
  const absent: Array<Factor> = []
  for (const factor of factorsOf[connection.kind]!) {
    if (factor.present(user, connection)) miss *= 1 - factor.weight
    else absent.push(factor)
  }
  return absent
    .map(({ name, weight }) => ({ name, gain: oneDecimal(10 * miss * weight) }))
    .sort((a, b) => b.gain - a.gain || (a.name < b.name ? -1 : 1))
}

interface Factor {
  readonly name: string
  readonly weight: number
  readonly present: (user: NormalizedUser, connection: Connection) => boolean
}

const presence: Readonly<Record<string, Factor["present"]>> = {
  email: (user) => user.email.length > 0,
  phone: (user, connection) => usablePhone(user, connection.mapping.defaultCountry),
  external_id: (user, connection) => externalIds(user, connection).length > 0,
  fbc: (user) => user.fbc !== null || user.fbclid !== null,
  name: (user) => user.first_name !== null && user.last_name !== null,
  address: (user) => user.zip !== null || (user.city !== null && user.state !== null),
  name_and_address: (user) =>
    user.first_name_google !== null &&
    user.last_name_google !== null &&
    user.zip_plain !== null &&
    user.country_code !== null,
  fbp: (user) => user.fbp !== null,
  date_of_birth: (user) => user.date_of_birth !== null,
  gender: (user) => user.gender !== null,
  ip_and_user_agent: (user) => user.ip !== null && user.user_agent !== null,
  madid: (user) => user.madid !== null,
  ctwa_clid: (user) => user.ctwa_clid !== null,
  lead_id: (user) => user.lead_id !== null,
  gclid: (user) => user.gclid !== null,
  gbraid: (user) => user.gbraid !== null,
  wbraid: (user) => user.wbraid !== null,
  ttclid: (user) => user.ttclid !== null,
  ttp: (user) => user.ttp !== null,
  sc_click_id: (user) => user.sc_click_id !== null,
  sc_cookie1: (user) => user.sc_cookie1 !== null,
  recipient: (user, connection) => sealedRecipient(user, connection.mapping.defaultCountry) !== null
}

/** One without a rule here is the user's field of that name, or the click id of that name. */
const presenceOf = (name: string): Factor["present"] => {
  const field = name as keyof NormalizedUser
  return presence[name] ?? ((user) => (user[field] ?? user.click_ids?.[name] ?? null) !== null)
}

const factorsOf: Readonly<Record<string, ReadonlyArray<Factor>>> = Object.fromEntries(
  Object.values(connectors).map(({ kind, catalog }) => [
    kind,
    Object.entries(catalog.matchQuality).map(([name, weight]) => ({ name, weight, present: presenceOf(name) }))
  ])
)

const oneDecimal = (value: number): number => Math.round(value * 10) / 10
