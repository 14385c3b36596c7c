/** A request that is too large for a platform, or for a proxy before it, though not for the limits that are known. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { HttpResponseSpec } from "../../../shared/connectors/connector.ts"
import { readAnswer } from "../../../shared/connectors/read-answer.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { type ConnectorKind, connectorKinds } from "../../../shared/model/platform.ts"
import { json } from "../../../shared/testing/connector-fixture.ts"
import { openPartition } from "../../../shared/testing/run-batches.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  connectorWith,
  fakePlatform,
  limits,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  respond,
  strictCodecs,
  verdict
} from "./testing.ts"

const at = { topic: "mapped-events.meta", partition: 0 }
const page = respond(uniformVerdict(verdictMeta, { ...verdict("unknown", "http_413"), unreadable: true }), 413)
const ids = Array.from({ length: 64 }, (_, index) => `e${index}`)

const deliver = Effect.fnUntraced(
  function* (answer: typeof page, isTooLarge: (sent: ReadonlyArray<string>) => boolean) {
    const platform = fakePlatform(({ ids: sent }) => Effect.succeed(isTooLarge(sent) ? answer : respond(ok)))
    const documented = { ...limits, eventsPerRequest: 64 }
    const processor = yield* processorOver({
      connector: connectorWith({ limits: { documented, specification: documented } }),
      connection,
      settings: deliveryDefaults,
      services: platform
    })
    const task = yield* openPartition(processor, at)
    const records = recordsOfEvents(ids.map((id) => mappedEvent(id)))
    return { ...readStep(yield* task.step({ ...at, records })), platform }
  },
  Effect.provide(Layer.sync(Codecs, strictCodecs))
)

it.effect("is halved until its parts go through, at once", () =>
  Effect.gen(function* () {
    const { outcomes, platform } = yield* deliver(page, (sent) => sent.length > 10)
    assert.deepStrictEqual(new Set(Object.values(outcomes)), new Set(["delivered"]))
    assert.strictEqual(Object.keys(outcomes).length, ids.length)
    assert.isAtMost(platform.asked.length, 2 * Math.ceil(ids.length / 5))
  })
)

it.effect("is refused where it holds one event alone, and the others are delivered", () =>
  Effect.gen(function* () {
    const { outcomes, deadLetters } = yield* deliver(page, (sent) => sent.includes("e37"))
    assert.deepStrictEqual(deadLetters, { e37: "payload_too_large" })
    assert.strictEqual(Object.values(outcomes).filter((outcome) => outcome === "delivered").length, ids.length - 1)
  })
)

it("is known by HTTP at every platform, where the platform itself says no more", () => {
  const read = (kind: ConnectorKind, response: HttpResponseSpec, count: number) => {
    const found = readAnswer(
      connectorFor(kind),
      connection,
      response,
      ids.slice(0, count).map((id) => mappedEvent(id))
    )
    return found._tag === "All" || found._tag === "SomeInvalid"
      ? `${found._tag} ${found.verdict.errorClass} ${found.verdict.reasonCode}`
      : found._tag
  }
  const html = { status: 413, headers: {}, body: "<html><h1>413 Request Entity Too Large</h1></html>" }
  for (const kind of connectorKinds) {
    assert.strictEqual(read(kind, html, 1), "All invalid_event payload_too_large", kind)
    if (kind !== "whatsapp")
      assert.strictEqual(read(kind, html, 3), "SomeInvalid invalid_event payload_too_large", kind)
  }
  const revoked = json(413, { code: 40105, message: "Access token is incorrect or has been revoked." })
  assert.strictEqual(read("tiktok", revoked, 3), "All auth access_token_invalid:40105")
})
