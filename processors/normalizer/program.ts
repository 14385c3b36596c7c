/** The normalizer as a program, alone or beside others in one process, and its settings. */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { decodeSettings, type SettingsError, SettingsService } from "../../shared/config/settings.ts"
import { type Connection, defaultCountriesOf, tcfVendorsOf } from "../../shared/connections/connection.ts"
import { Connections } from "../../shared/connections/connections.ts"
import { messageEvents } from "../../shared/connectors/mapping/compile.ts"
import type { IdentityKey } from "../../shared/credentials/identity-key.ts"
import { loadIdentityKey } from "../../shared/credentials/identity-key-topic.ts"
import { KeyRing } from "../../shared/credentials/key-ring.ts"
import { Sealer, type SealerShape, sealerLayer } from "../../shared/credentials/sealer.ts"
import { announceSealingKey } from "../../shared/credentials/sealing-keys.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { type Program, processorsProgram } from "../../shared/runtime/program.ts"
import { followSuppressions } from "../../shared/suppression/follow-suppressions.ts"
import { consentChanges } from "./consent-changes.ts"
import type { NormalizerConfig } from "./decide.ts"
import { makeLoadSchemas, normalizer, sealedNormalizer } from "./normalizer.ts"
import { Erasures } from "./sealing/destroy-secrets.ts"
import { sealer as eventSealer, personOf } from "./sealing/sealer.ts"

export const normalizerProgram: Program = processorsProgram(
  "normalizer",
  Effect.gen(function* () {
    const sealer = yield* Sealer
    const identity = yield* loadIdentityKey(sealer)
    const { eventLog } = yield* SettingsService
    const erasures = new Erasures()
    const suppressions = yield* followSuppressions(erasures.add)
    const config = withPersonIds({ ...(yield* normalizerConfig), suppressions }, identity)
    // Now, and after each change of the master key, under which the identity key is wrapped, too.
    yield* (yield* KeyRing).changes.pipe(
      Stream.map(() => sealer.keyId),
      Stream.changes,
      Stream.runForEach((keyId) => Effect.andThen(wrapAgain(sealer), announceSealingKey("normalizer", keyId))),
      Effect.forkScoped
    )
    const consent = consentChanges(identity, sealer)
    if (eventLog === "raw-events") return [normalizer(config), consent]
    yield* beginWhereNormalizerStopped
    const { checkEvery } = yield* decodeSettings(sealerSettings)
    const rawPersonOf = personOf(config.options.defaultCountries, config.recordBytesMax)
    const loadSchemas = makeLoadSchemas(config.schemaTimeout)
    const sealing = { identity, erasures, suppressions, checkEvery, loadSchemas, personOf: rawPersonOf }
    return [eventSealer(sealing), sealedNormalizer(config, identity), consent]
  }).pipe(Effect.provide(sealerLayer))
)

/** So that an erasure or a withdrawn consent finds the event later. */
const withPersonIds = (config: NormalizerConfig, identity: IdentityKey): NormalizerConfig => ({
  ...config,
  personIdsOf: identity.idTextsOf
})

/**
 * A sealer that has committed nothing begins where the normalizer stopped when it read raw events itself, so that none is sent twice.
 * Where an instance of the sealer runs already, its offsets are there or are not to be changed.
 */
const beginWhereNormalizerStopped = Effect.gen(function* () {
  const kafka = yield* KafkaClient
  const { topicPrefix } = yield* SettingsService
  const topic = topicPrefix + topicNames.raw
  const sealed = yield* kafka.committedOfGroups([`${topicPrefix}sealer`], [topic])
  if (sealed.some(({ offset }) => offset !== null)) return
  const offsets = (yield* kafka.committedOfGroups([`${topicPrefix}normalizer`], [topic])).flatMap(
    ({ partition, offset }) => (offset === null ? [] : [{ topic, partition, next: offset }])
  )
  if (offsets.length === 0) return
  yield* Effect.ignore(kafka.commitOffsets(`${topicPrefix}sealer`, offsets))
})

/** The next start wraps it where this fails; until then the earlier master key opens it. */
const wrapAgain = (sealer: SealerShape) =>
  Effect.catch(loadIdentityKey(sealer), (error) =>
    Effect.logWarning("The identity key could not be wrapped under the present master key.").pipe(
      Effect.annotateLogs({ reason: error.message, nextStep: error.nextStep })
    )
  )

const sealerSettings = Config.all({
  checkEvery: Config.Duration("ERASURE_CHECK_EVERY").pipe(Config.withDefault(Duration.minutes(1)))
})

/** Bounds on what producers may send. */
const normalizerSettings = Config.all({
  recordBytesMax: Config.Int("NORMALIZER_RECORD_BYTES_MAX").pipe(Config.withDefault(1_048_576)),
  futureTolerance: Config.Duration("NORMALIZER_FUTURE_TOLERANCE").pipe(Config.withDefault(Duration.hours(24))),
  schemaTimeout: Config.Duration("NORMALIZER_SCHEMA_TIMEOUT").pipe(Config.withDefault(Duration.seconds(30)))
})

type NormalizerSettings = Config.Success<typeof normalizerSettings>

/** Phone numbers are read with the connections' default countries, and sealed only for events that may become messages. */
export const configOf = (
  connections: ReadonlyArray<Connection>,
  sealer: SealerShape,
  settings: NormalizerSettings
): NormalizerConfig => {
  const messages = messageEvents(connections)
  return {
    options: {
      defaultCountries: defaultCountriesOf(connections),
      tcfVendors: tcfVendorsOf(connections),
      recipients: messages.isEmpty ? null : sealer,
      messageEvents: messages,
      futureToleranceMillis: Duration.toMillis(settings.futureTolerance)
    },
    deadLetters: sealer,
    recordBytesMax: settings.recordBytesMax,
    schemaTimeout: settings.schemaTimeout
  }
}

/** The configuration of this deployment. */
const normalizerConfig: Effect.Effect<NormalizerConfig, SettingsError, Connections | Sealer> = Effect.gen(function* () {
  const { enabled } = yield* Connections
  return configOf(enabled, yield* Sealer, yield* decodeSettings(normalizerSettings))
})
