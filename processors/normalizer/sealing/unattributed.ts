/**
 * Raw records without an identifier, and records that cannot be read, are sealed under the secret of the day: it is destroyed after some
 * weeks, since no one could ask for them by name.
 */
import type { IdentityKey } from "../../../shared/credentials/identity-key.ts"
import { sha256 } from "../identity/text.ts"

/** Days for which such records can be opened. */
const unattributedDays = 26
const dayMillis = 86_400_000

/** The id of the day of a time, in milliseconds since the epoch (UTC). */
export const dayIdOf = (identity: IdentityKey, at: number): Buffer =>
  identity.idsOf([sha256(`capi-relay/unattributed/${Math.floor(at / dayMillis)}`)])

/** The ids of the days whose secrets are due to be destroyed; of as many days as a sealer may have been away. */
export const expiredDayIds = (identity: IdentityKey, now: number): ReadonlyArray<Buffer> =>
  Array.from({ length: awayDaysMax }, (_, days) => dayIdOf(identity, now - (unattributedDays + 1 + days) * dayMillis))

const awayDaysMax = 400

/** Whether a sealed record's only id is that of a day around its time: of the sealer's clock, which may differ from the broker's. */
export const isUnattributed = (identity: IdentityKey, ids: Buffer, timestamp: number): boolean =>
  [-1, 0, 1].some((days) => dayIdOf(identity, timestamp + days * dayMillis).equals(ids))
