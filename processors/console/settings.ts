/** Where the console listens, and its token. */
import * as Config from "effect/Config"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { decodeSettings, portOrFree } from "../../shared/config/settings.ts"

export interface ConsoleSettings {
  readonly host: string
  readonly port: number
  /** Null where none is set. */
  readonly token: Redacted.Redacted | null
}

class ConsoleError extends Data.TaggedError("ConsoleError")<{
  readonly code: "weak_token"
  readonly message: string
  readonly nextStep: string
}> {}

/** Fewer characters could be guessed. */
const tokenCharactersMin = 16

export const consoleSettings = Effect.gen(function* () {
  const settings: ConsoleSettings = yield* decodeSettings(
    Config.all({
      host: Config.NonEmptyString("CAPI_CONSOLE_HOST").pipe(Config.withDefault("127.0.0.1")),
      port: portOrFree("CAPI_CONSOLE_PORT"),
      token: Config.map(Config.option(Config.Redacted("CAPI_CONSOLE_TOKEN")), Option.getOrNull)
    })
  )
  if (settings.token !== null && Redacted.value(settings.token).length < tokenCharactersMin)
    return yield* new ConsoleError({
      code: "weak_token",
      message: `CAPI_CONSOLE_TOKEN has fewer than ${tokenCharactersMin} characters.`,
      nextStep: "Set it to a random text, such as the output of `openssl rand -base64 32`."
    })
  return settings
})

/** Whether only programs of this machine can reach the address. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host)
