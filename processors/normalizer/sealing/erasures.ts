/** The erasures that were asked for, in the order of their records: each partition's sealer goes through them at its own pace. */
import type { Suppression } from "../../../schemas/types.gen.ts"
import { type IdWords, wordsOfText } from "../../../shared/suppression/id-map.ts"

export interface Erasure extends IdWords {
  /** The id as base64url text. */
  readonly personId: string
  /** Id of the request. */
  readonly name: string
  /** When the secret is to be destroyed, in milliseconds since the epoch. */
  readonly destroyAt: number
}

/** Appended to while the program runs: `all` never gets shorter. */
export class Erasures {
  readonly all: Array<Erasure> = []

  /** Takes a record of the topic `suppressions`. */
  readonly add = (key: string, record: Suppression | null): void => {
    if (record === null || record.erasure === null || !key.startsWith("erased:")) return
    const personId = key.slice("erased:".length)
    this.all.push({
      ...wordsOfText(personId, 0),
      personId,
      name: record.erasure,
      destroyAt: record.destroy_at ?? record.at
    })
  }
}
