/** Values that filter flags take: a misspelt one is an error that names the known ones, never an empty answer. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { environment, loadFileSettings } from "../../shared/config/settings.ts"
import { suggestion } from "../../shared/connections/did-you-mean.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import { terminalOutcomes } from "../../shared/ledger/known-outcome.ts"
import { reasonWord } from "../../shared/model/dead-letter.ts"
import { platforms } from "../../shared/model/platform.ts"
import type { DeadLetterEntry } from "../../shared/redrive/dead-letter-entries.ts"
import { CommandError } from "./cli.ts"
import { isReasonCode, reasonCodes } from "./reason-codes.ts"

/** Outcomes of results: what ends an event, and what comes before. */
export const outcomes: ReadonlyArray<string> = [...terminalOutcomes, "retry_scheduled"]

/** Stages that give dead letters up; `delivery` stands for all platforms. */
export const deadLetterStages: ReadonlyArray<string> = [
  "normalizer",
  "mapper",
  "delivery",
  ...platforms.map((platform) => `delivery-${platform}`)
]

type Noun = "outcome" | "stage" | "connection" | "reason" | "topic" | "receiver"

const shownMax = 60

/** Fails with exit code 2 unless the value, where there is one, is among the known. */
export const expectKnown = (
  noun: Noun,
  value: Option.Option<string>,
  known: Iterable<string>
): Effect.Effect<void, CommandError> => {
  const names = [...new Set(known)]
  return Option.isNone(value) || names.includes(value.value)
    ? Effect.void
    : Effect.fail(unknownValue(noun, value.value, names))
}

export const unknownValue = (noun: Noun, value: string, names: ReadonlyArray<string>): CommandError => {
  const listed = names.slice(0, shownMax).join(", ")
  const more = names.length > shownMax ? ` and ${names.length - shownMax} more` : ""
  return new CommandError({
    code: `unknown_${noun}`,
    message: `There is no ${noun} ${JSON.stringify(value)}.${suggestion(value, names)}`,
    nextStep: names.length === 0 ? `No ${noun} is known.` : `Known are ${listed}${more}.`,
    exitCode: 2
  })
}

/** Ids of the file of connections, enabled or not; none where the file cannot be read, which other commands say. */
const connectionsOfFile = Effect.gen(function* () {
  const settings = yield* loadFileSettings
  const loaded = yield* Effect.option(loadConnections(settings.connectionsFile, environment()))
  return Option.match(loaded, {
    onNone: () => [],
    onSome: ({ connections }) => connections.map(({ id }) => id)
  })
})

/** Whether a connection is in the file or among the `seen`: records outlive a connection that was removed. */
export const expectConnection = Effect.fnUntraced(function* (value: Option.Option<string>, seen: Iterable<string>) {
  if (Option.isSome(value)) yield* expectKnown("connection", value, [...(yield* connectionsOfFile), ...seen])
})

/** Connections and reasons that dead letters have, for filters that name one of them. */
export class DeadLetterFilterValues {
  readonly #connections = new Set<string>()
  readonly #reasons = new Set<string>()

  add({ deadLetter }: DeadLetterEntry): void {
    if (deadLetter.connection_id !== null) this.#connections.add(deadLetter.connection_id)
    this.#reasons.add(deadLetter.reason_code)
    this.#reasons.add(reasonWord(deadLetter.reason_code))
  }

  /** Fails where a value is neither among the dead letters nor known otherwise. The dead letters' reasons are named first. */
  expect(given: { readonly reason: Option.Option<string>; readonly connection: Option.Option<string> }) {
    const { reason, connection } = given
    const isOpen = Option.isSome(reason) && isReasonCode(reason.value)
    const reasons = isOpen ? Effect.void : expectKnown("reason", reason, [...this.#reasons, ...reasonCodes])
    return Effect.andThen(reasons, expectConnection(connection, this.#connections))
  }
}
