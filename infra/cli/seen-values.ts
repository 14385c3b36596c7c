/** Connections and reasons that dead letters have, for filters that name one of them. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { isKnownReason, knownReasons } from "./known-reasons.ts"
import { expectConnection, expectKnown, reasonWord } from "./known-values.ts"
import type { Letter } from "./letters.ts"

export class SeenValues {
  readonly #connections = new Set<string>()
  readonly #reasons = new Set<string>()

  add({ letter }: Letter): void {
    if (letter.connection_id !== null) this.#connections.add(letter.connection_id)
    this.#reasons.add(letter.reason_code)
    this.#reasons.add(reasonWord(letter.reason_code))
  }

  /** Fails where a value is neither among the letters nor known otherwise. The letters' reasons are named first. */
  expect(given: { readonly reason: Option.Option<string>; readonly connection: Option.Option<string> }) {
    const { reason, connection } = given
    const isOpen = Option.isSome(reason) && isKnownReason(reason.value)
    const reasons = isOpen ? Effect.void : expectKnown("reason", reason, [...this.#reasons, ...knownReasons])
    return Effect.andThen(reasons, expectConnection(connection, this.#connections))
  }
}
