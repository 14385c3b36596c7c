/**
 * Consent that changed after the event: `consent-changes` in, keyed by SHA-256 as every language can compute it; `suppressions` out, keyed
 * by the keyed id. A record that cannot be read is a dead letter, and changes nothing.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Result from "effect/Result"
import type { Consent } from "../../schemas/types.gen.ts"
import { Codecs, type RegistryError } from "../../shared/codec/codecs.ts"
import type { IdentityKey } from "../../shared/credentials/identity-key.ts"
import { type SealerShape, sealedDeadLetter } from "../../shared/credentials/sealer.ts"
import { deadLetterRecord } from "../../shared/model/dead-letter.ts"
import { isRecord } from "../../shared/model/json.ts"
import { headerNames, topicNames } from "../../shared/model/topics.ts"
import type { Batch, Inbound, Outbound, Processor, Step } from "../../shared/runtime/contract.ts"
import { suppressionKey } from "../../shared/suppression/suppressions.ts"
import { alreadyHashed } from "./identity/text.ts"
import { normalizeConsent } from "./normalize/consent.ts"
import { readTime } from "./normalize/time.ts"
import { omittedProblem } from "./read/omitted.ts"

/** The name of its consumer group, and the stage of its dead letters. */
const consentChangesStage = "consent-changes"

export const consentChanges = (identity: IdentityKey, sealer: SealerShape): Processor<RegistryError, Codecs> => ({
  name: consentChangesStage,
  topics: [topicNames.consentChanges],
  batch: { recordsMax: 2_000, bytesMax: 1_000_000, linger: Duration.millis(5) },
  concurrency: 1,
  stepDeadline: Duration.minutes(2),
  open: () => Effect.succeed({ step: takeBatch(identity, sealer) })
})

const takeBatch = (identity: IdentityKey, sealer: SealerShape) =>
  Effect.fn("consent-changes.takeBatch")(function* (batch: Batch) {
    const codecs = yield* Codecs
    yield* codecs.loadSchemas(batch.records.map(({ value }) => (value?.[0] === 0 ? value : null)))
    const now = yield* Clock.currentTimeMillis
    const outputs: Array<Outbound> = []
    for (const record of batch.records) {
      // An erasure removes the hash from the topic; a withdrawal holds all the same.
      if (record.value === null && record.headers[headerNames.erasure] !== undefined) continue
      const change = readConsentChange(record, codecs)
      if (change._tag === "Unreadable") {
        outputs.push(deadLetterOf(record, change, { codecs, sealer, now }))
        continue
      }
      const key = suppressionKey("consent", identity.idTextOf([change.hash]) ?? "")
      const value =
        change.consent === null
          ? null
          : codecs.encode(topicNames.suppressions, "suppression", {
              at: change.at,
              erasure: null,
              destroy_at: null,
              ...change.consent
            })
      outputs.push({ topic: topicNames.suppressions, key, value })
    }
    const unreadable = outputs.filter(({ topic }) => topic === topicNames.deadLetters).length
    yield* Metric.update(changes, outputs.length - unreadable)
    if (unreadable > 0) yield* Metric.update(deadLetters, unreadable)
    return { outputs } satisfies Step
  })

export type ConsentChange =
  | {
      readonly _tag: "Change"
      /** SHA-256 of the identifier. */
      readonly hash: string
      /** Null takes an earlier statement back. */
      readonly consent: Consent | null
      /** In milliseconds since the epoch. */
      readonly at: number
    }
  | { readonly _tag: "Unreadable"; readonly reason: string; readonly message: string }

/** Any word for consent that an event may have; another word counts as denied. Never later than its record. */
const readConsentChange = (
  { key, omittedBytes, value, timestamp }: Pick<Inbound, "key" | "omittedBytes" | "value" | "timestamp">,
  codecs: Pick<Codecs["Service"], "decode">
): ConsentChange => {
  if (omittedBytes !== undefined) {
    const { reason, message } = omittedProblem(omittedBytes)
    return unreadable(reason, message)
  }
  const hash = key === null ? null : alreadyHashed(key.toString("utf8"))
  if (hash === null) return unreadable("invalid_identity", "The key is no SHA-256 in hexadecimal digits.")
  if (value === null) return { _tag: "Change", hash, consent: null, at: timestamp }
  const fields = value[0] === 0 ? ofAvro(value, codecs) : ofJson(value)
  if ("_tag" in fields) return fields
  const changedAt = readTime(fields.changed_at)
  const isUsable = typeof changedAt === "number" && changedAt >= millisMin
  return {
    _tag: "Change",
    hash,
    consent: normalizeConsent(fields as unknown as Consent, () => undefined),
    at: isUsable ? Math.min(changedAt, timestamp) : timestamp
  }
}

interface Fields {
  readonly ad_user_data: unknown
  readonly ad_personalization: unknown
  readonly sale_of_data: unknown
  readonly changed_at: unknown
}

type Unreadable = Extract<ConsentChange, { readonly _tag: "Unreadable" }>

const ofAvro = (value: Buffer, codecs: Pick<Codecs["Service"], "decode">): Fields | Unreadable => {
  const decoded = codecs.decode("consent-change", value)
  return decoded._tag === "Decoded" ? { ...decoded.value } : unreadable(decoded.reason, decoded.message)
}

const ofJson = (value: Buffer): Fields | Unreadable => {
  const parsed = Result.try(() => JSON.parse(value.toString("utf8")) as unknown)
  if (Result.isFailure(parsed) || !isRecord(parsed.success))
    return unreadable("not_avro_not_json", "The record is neither Confluent-Avro nor a JSON object.")
  const { ad_user_data = null, ad_personalization = null, sale_of_data = null, changed_at = null } = parsed.success
  if (ad_user_data === null && ad_personalization === null && sale_of_data === null)
    return unreadable("empty", "The record says nothing of ad_user_data, ad_personalization or sale_of_data.")
  return { ad_user_data, ad_personalization, sale_of_data, changed_at }
}

const unreadable = (reason: string, message: string): Unreadable => ({ _tag: "Unreadable", reason, message })

/** Less is seconds, or no time of ours. */
const millisMin = 100_000_000_000

const deadLetterOf = (
  record: Inbound,
  { reason, message }: Unreadable,
  { codecs, sealer, now }: { readonly codecs: Codecs["Service"]; readonly sealer: SealerShape; readonly now: number }
): Outbound => {
  return deadLetterRecord(
    codecs,
    sealedDeadLetter(sealer, record, {
      stage: consentChangesStage,
      reason_code: reason,
      message,
      timestamp: now,
      next_step: 'Publish it again: key SHA-256 of the normalized identifier, value such as {"ad_user_data":"denied"}.'
    })
  )
}

const changes = Metric.counter("capi_consent_changes_total", {
  incremental: true,
  description: "Changes of consent that were taken over."
})
const deadLetters = Metric.counter("capi_consent_changes_dead_letters_total", {
  incremental: true,
  description: "Changes of consent that could not be read."
})
