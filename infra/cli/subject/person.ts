/** The person that a command is about: the identifier it was given, as keyed ids. */
import * as Effect from "effect/Effect"
import { SettingsService } from "../../../shared/config/settings.ts"
import { type IdentityKey, splitPersonIds } from "../../../shared/credentials/identity-key.ts"
import { readIdentityKey } from "../../../shared/credentials/identity-key-topic.ts"
import { readMasterKeys } from "../../../shared/credentials/master-key.ts"
import { sealerOfKeys } from "../../../shared/credentials/sealer.ts"
import { Argument, CommandError, Flag } from "../cli.ts"
import { defaultCountries } from "./find-subject.ts"
import { type Identifier, identifierKinds, identify } from "./identify.ts"

export const identifierArgument = Argument.String("identifier").pipe(
  Argument.withDescription("Email, phone number (+49…), external id, or SHA-256 of one of them")
)
export const kindFlag = Flag.Literals("kind", identifierKinds).pipe(
  Flag.withDescription(
    "What the identifier is; without it an @ makes an email, a + a phone number, all else an external id"
  ),
  Flag.optional
)

export interface Person {
  readonly identity: IdentityKey
  readonly identifier: Identifier
  /** Keyed ids, one for each form. */
  readonly ids: ReadonlySet<string>
}

/** Fails where the identifier is not usable, or no key is at hand. */
export const personOf = Effect.fnUntraced(function* (text: string, kind: (typeof identifierKinds)[number] | null) {
  const identifier = yield* Effect.fromResult(identify(text, kind, yield* defaultCountries))
  const sealer = sealerOfKeys(yield* readMasterKeys(yield* SettingsService))
  if (sealer === null) return yield* noMasterKey
  const identity = yield* readIdentityKey(sealer)
  if (identity === null) return yield* noIdentityKey
  const ids = splitPersonIds(identity.idTextOf(identifier.hashes) ?? "")
  return { identity, identifier, ids: new Set(ids) } satisfies Person
})

const noMasterKey = new CommandError({
  code: "no_master_key",
  message: "Persons are known by keyed ids, and CAPI_MASTER_KEY is not set or too weak.",
  nextStep: "Set CAPI_MASTER_KEY to the key of the programs.",
  exitCode: 2
})

const noIdentityKey = new CommandError({
  code: "no_identity_key",
  message: "The topic identity-keys is empty: no normalizer that gives events the ids of their persons has run yet.",
  nextStep: "Start the normalizer. Events from before have no ids: they are gone by the retention of their topics."
})
