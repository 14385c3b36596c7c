/** What the normalizer is told beside the event. */
import type { SealerShape } from "../../../shared/credentials/sealer.ts"

export interface NormalizerOptions {
  /** ISO 3166-1 alpha-2, upper case: the default countries of the connections, for national phone numbers. */
  readonly defaultCountries: ReadonlyArray<string>
  /** Seals phone numbers for WhatsApp; null where no connection needs them. */
  readonly recipients: SealerShape | null
  /** Names of the events whose phone numbers `recipients` seals, since they may become messages; null seals those of all. */
  readonly messageEvents: EventNames | null
  /** `Clock` in milliseconds since the epoch, to refuse events of the future; null refuses none. */
  readonly now: number | null
  /** How far ahead of `now` a producer's clock may be, in milliseconds. */
  readonly futureToleranceMillis: number
}

export interface EventNames {
  readonly has: (name: string) => boolean
}

export const defaultNormalizerOptions: NormalizerOptions = {
  defaultCountries: [],
  recipients: null,
  messageEvents: null,
  now: null,
  futureToleranceMillis: 24 * 60 * 60 * 1000
}
