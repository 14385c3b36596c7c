/** Events that wait while their connection changes between Google's two APIs, which share a topic. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connector } from "../../../shared/connectors/connector.ts"
import { google } from "../../../shared/connectors/google/connector.ts"
import { googleAds } from "../../../shared/connectors/google-ads/connector.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  connectorWith,
  fakePlatform,
  makeLog,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  respond,
  statesOf,
  strictCodecs
} from "./testing.ts"

const at = { topic: "mapped-events.meta", partition: 0 }
const waiting = [
  ...["ads-1", "ads-2"].map((id) => mappedEvent(id, { batch_group: "operation=conversions" })),
  ...["dm-1", "dm-2"].map((id) => mappedEvent(id, { batch_group: "action=987" }))
]

/** What a connection of this kind does with events of both. */
const delivered = Effect.fnUntraced(
  function* ({ unsendable }: Connector) {
    const kafka = makeLog()
    const platform = fakePlatform(() => Effect.succeed(respond(ok)))
    const processor = yield* processorOver({
      connector: connectorWith(unsendable === undefined ? {} : { unsendable }),
      connection,
      settings: deliveryDefaults,
      services: platform
    })
    const task = yield* processor.open({ ...at, append: (records) => Effect.sync(() => kafka.write(records)) })
    const { outcomes, deadLetters } = readStep(yield* task.step({ ...at, records: recordsOfEvents(waiting) }))
    return { outcomes, deadLetters, sent: platform.asked.flatMap(({ ids }) => ids), states: statesOf(platform) }
  },
  Effect.provide(Layer.sync(Codecs, strictCodecs)),
  Effect.scoped
)

const rejected = "rejected:mapped_for_other_api"

it.effect("sends what was mapped for its API, makes dead letters of the rest, and is not paused by them", () =>
  Effect.gen(function* () {
    const dataManager = yield* delivered(google)
    assert.deepStrictEqual(dataManager.sent, ["dm-1", "dm-2"])
    assert.deepStrictEqual(dataManager.outcomes, {
      ...{ "ads-1": rejected, "ads-2": rejected },
      ...{ "dm-1": "delivered", "dm-2": "delivered" }
    })
    assert.sameMembers(Object.keys(dataManager.deadLetters), ["ads-1", "ads-2"])
    assert.isTrue(dataManager.states.every((state) => state === "CLOSED"))
    assert.deepStrictEqual((yield* delivered(googleAds)).sent, ["ads-1", "ads-2"])
  })
)
