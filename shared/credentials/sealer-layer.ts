/** The sealer by the shared settings, for the programs that cannot do without it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { type FileSettings, SettingsService } from "../config/settings.ts"
import { CredentialsError } from "./credentials-error.ts"
import { fromKey, Sealer, type SealerShape } from "./sealer.ts"
import { masterKeyCharactersMin } from "./store.ts"

/** The sealer of the settings; null where `CAPI_MASTER_KEY` is absent or too short. */
export const sealerOf = ({
  masterKey,
  previousMasterKeys
}: Pick<FileSettings, "masterKey" | "previousMasterKeys">): SealerShape | null =>
  masterKey !== null && Redacted.value(masterKey).length >= masterKeyCharactersMin
    ? fromKey(masterKey, previousMasterKeys)
    : null

/** Fails with `no_master_key` where `CAPI_MASTER_KEY` is absent or too short. */
export const sealerLayer: Layer.Layer<Sealer, CredentialsError, SettingsService> = Layer.effect(
  Sealer,
  Effect.gen(function* () {
    const settings = yield* SettingsService
    const sealer = sealerOf(settings)
    if (sealer !== null) return sealer
    const { masterKey } = settings
    return yield* new CredentialsError({
      code: "no_master_key",
      message: `This program seals personal data, and CAPI_MASTER_KEY is ${masterKey === null ? "not set" : `shorter than ${masterKeyCharactersMin} characters`}.`,
      nextStep:
        "Set CAPI_MASTER_KEY, such as the output of `openssl rand -base64 32`, to the same key for every program.",
      cause: null
    })
  })
)
