/** The identifiers in a raw record, by the normalizer's reader and rules: what it would not find could not be erased. */
import type { Codecs } from "../../../shared/codec/codecs.ts"
import type { Inbound } from "../../../shared/runtime/contract.ts"
import { normalizeUser, personHashes } from "../identity/user.ts"
import { readRecord } from "../read/read-record.ts"

/** SHA-256 of each identifier; none where the record cannot be read or has none. */
export const identifiersOf =
  (defaultCountries: ReadonlyArray<string>, recordBytesMax: number) =>
  ({ value }: Pick<Inbound, "value">, codecs: Pick<Codecs["Service"], "decode">): ReadonlyArray<string> => {
    const read = readRecord(value, (bytes) => codecs.decode("raw-event", bytes), recordBytesMax)
    if (read._tag === "Problem" || read.raw.user === null) return none
    const context = { defaultCountries, eventTime: read.raw.event_time, sealRecipient: null, drop: ignored }
    return personHashes(normalizeUser(read.raw.user, context))
  }

const none: ReadonlyArray<string> = []
const ignored = (): void => undefined
