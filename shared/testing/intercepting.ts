/** What Kafka clients of this process send, for tests that count requests or lose their responses. */
import { createRequire } from "node:module"
import * as Effect from "effect/Effect"
// Its modules must be patched before one of them is loaded.
import "../kafka/kafkajs/patches/index.ts"

export interface Sent {
  readonly request: { readonly apiName: string; readonly apiVersion: number }
}
type Send = (given: Sent) => Promise<unknown>
const { prototype: connection } = createRequire(import.meta.url)("kafkajs/src/network/connection") as {
  readonly prototype: { send: Send }
}

/** Runs `within` while each request of any client in this process passes through `intercept`. */
export const intercepting = <A, E, R>(
  intercept: (given: Sent, send: () => Promise<unknown>) => Promise<unknown>,
  within: Effect.Effect<A, E, R>
) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const { send } = connection
      connection.send = function (given) {
        return intercept(given, () => send.call(this, given))
      }
      return send
    }),
    () => within,
    (send) =>
      Effect.sync(() => {
        connection.send = send
      })
  )
