/** The real chain with the indexer: an event's whole story by the command line, with the index, without it, and after it was lost. */

import { rmSync, statSync } from "node:fs"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { runCommand } from "../../infra/cli/testing.ts"
import { freePort } from "../../infra/local/ports.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import type { EventExplanation } from "../../processors/normalizer/preview/explanation.ts"
import { indexPath } from "../../shared/event-story/ask-index.ts"
import { type EventStory, positionName } from "../../shared/event-story/story.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { committedOffsets, until } from "../../shared/testing/kafka-probe.ts"
import { startChain } from "../harness/chain.ts"
import { publish } from "../harness/records.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"

const connections = `version: 1
connections:
  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:META_TOKEN, endpoint: { host: "\${META_HOST}" } }
  - { id: leads, platform: meta, account: { dataset_id: 2 }, credential: env:META_TOKEN, endpoint: { host: "\${META_HOST}" }, events: { include: [lead] } }
`
const personal = ["jane@shop.example", "203.0.113.7", "Mozilla/5.0"]
const clickId = "Cj0KCQiAtraced"
const raw = (id: string, fields: object = {}) => ({
  key: "u-77",
  value: Buffer.from(
    JSON.stringify({
      event_id: id,
      event_name: "purchase",
      event_time: Date.now(),
      action_source: "website",
      event_source_url: "https://shop.example/thanks",
      user: { email: personal[0], ip: personal[1], user_agent: personal[2], gclid: clickId },
      consent: { ad_user_data: "granted" },
      properties: { value: 12.5, currency: "EUR", order_id: `order-${id}` },
      ...fields
    })
  )
})

describe("capi trace and capi explain", { timeout: 480_000 }, () => {
  it.live("show one event's whole story, whatever became of the index", () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("trace")
      const folder = yield* scopedFolder("trace-index")
      const file = path.join(folder, "index.sqlite")
      const port = yield* freePort
      const url = `http://127.0.0.1:${port}`
      const chain = yield* startChain({
        name: "trace",
        prefix,
        sandbox: yield* startSandbox({}),
        connections: { text: connections },
        services: { brokers: testBrokers().join(","), registryUrl: testRegistryUrl() },
        environment: { CAPI_INDEXER_FILE: file, CAPI_INDEXER_PORT: String(port), CAPI_INDEXER_URL: url },
        programs: ["normalizer", "mapper", "delivery-meta", "indexer"]
      })
      const bad = raw("t-bad", { properties: { value: 12.5, order_id: "order-t-bad" } })
      // Its order has the event's id, and it comes several times, so it is found twice and in more than one reading.
      const ofOrder = raw("t-order", {
        user: { email: personal[0], ip: personal[1], user_agent: personal[2] },
        properties: { value: 12.5, currency: "EUR", order_id: "t-order" }
      })
      const published = [raw("t-1"), raw("t-2"), bad, ...Array.from({ length: 6 }, () => ofOrder)]
      yield* Effect.provide(publish(prefix, published), chain.services)

      const capi = (...args: ReadonlyArray<string>) => runCommand(args, chain.environment)
      const story = (...args: ReadonlyArray<string>) =>
        Effect.map(capi("trace", "--json", ...args), ({ out, notes }) => {
          for (const one of personal) assert.notInclude(out + notes.join(), one)
          return JSON.parse(out.split("\n")[0]!) as EventStory
        })
      const isDelivered = ({ events }: EventStory) =>
        events[0]?.connections.find(({ connection_id }) => connection_id === "shop")?.outcome === "delivered"
      // Each look is a command with its connections.
      const untilStory = (what: string, id: string, isSo: (story: EventStory) => boolean) =>
        until(what, () => Effect.map(story(id), isSo), 60_000, 200)
      yield* untilStory("the event is delivered and indexed", "t-1", isDelivered)

      const whole = yield* story("t-1")
      assert.strictEqual(whole.coverage.by, "index")
      const [timeline] = whole.events
      assert.deepStrictEqual(
        timeline!.entries.map(({ stage, connection_id }) => [stage, connection_id]),
        [
          ["raw", null],
          ["normalized", null],
          ["mapped", "shop"],
          ["result", "leads"],
          ["result", "shop"]
        ]
      )
      const result = timeline!.entries.at(-1)!
      assert.isNotNull(result.request!.request_id)
      assert.strictEqual(
        result.follows,
        `mapped-events.meta/${timeline!.entries[2]!.partition}/${timeline!.entries[2]!.offset}`
      )
      assert.deepStrictEqual(
        (yield* story("order-t-2", "--kind", "order")).events.map(({ event_id }) => event_id),
        ["t-2"]
      )
      const byClick = yield* story(clickId, "--kind", "click")
      assert.sameMembers(
        byClick.events.map(({ event_id }) => event_id),
        ["t-1", "t-2", "t-bad"]
      )
      assert.isTrue(Exit.isFailure((yield* capi("trace", "no-such-id")).exit))
      const resultsOf = ({ events }: EventStory) => events[0]?.entries.filter(({ stage }) => stage === "result") ?? []
      yield* untilStory("each copy has its results", "t-order", (story) => resultsOf(story).length >= 12)
      const [sameId] = (yield* story("t-order")).events
      const positions = sameId!.entries.map((entry) => positionName(entry))
      assert.deepStrictEqual(positions, [...new Set(positions)])

      assert.include((yield* capi("trace", "t-1", "--records")).out, "delivered (request")

      // The same without an index.
      yield* chain.programs.stop(["indexer"])
      const scanned = yield* story("t-1")
      assert.strictEqual(scanned.coverage.by, "scan")
      assert.include(scanned.coverage.notes[0], "does not answer")
      assert.deepStrictEqual(scanned.events, whole.events)

      // Without its file the index is built again; with the group's offsets set back it reads again, and holds nothing twice.
      rmSync(file)
      yield* chain.programs.start(["indexer"])
      assert.isAbove(statSync(file).size, 0)
      yield* untilStory(
        "the index is there again",
        "t-1",
        ({ coverage, events }) => coverage.by === "index" && events[0]?.entries.length === 5
      )
      const topic = `${prefix}delivery-results`
      const offsets = Effect.provide(
        Effect.flatMap(KafkaClient, (kafka) => committedOffsets(kafka, `${prefix}indexer`, topic)),
        chain.services
      )
      // It commits every two seconds, and not when it stops.
      yield* until(
        "the indexer has committed all of its offsets",
        () => Effect.map(offsets, (found) => found.every(({ offset }) => offset !== null)),
        30_000
      )
      const committed = yield* offsets
      yield* chain.programs.stop(["indexer"])
      yield* Effect.provide(
        Effect.gen(function* () {
          const kafka = yield* KafkaClient
          yield* kafka.commitOffsets(
            `${prefix}indexer`,
            committed.map(({ partition }) => ({ topic, partition, next: 0 }))
          )
        }),
        chain.services
      )
      yield* chain.programs.start(["indexer"])
      assert.deepStrictEqual((yield* story("t-1")).events, whole.events)

      // A dead letter, redriven: both are in the story, with the mark between them. (The file of connections reads the process's
      // variables, so these commands are processes.)
      yield* untilStory(
        "the bad event is given up",
        "t-bad",
        ({ events }) => events[0]?.entries.some(({ stage }) => stage === "dead_letter") === true
      )
      const redriven = yield* chain.capi("redrive", "--connection", "shop", "--yes")
      assert.strictEqual(redriven.exitCode, 0, redriven.errors)
      yield* untilStory("its second end is indexed", "t-bad", ({ events }) => {
        const stages = events[0]!.entries.map(({ stage }) => stage)
        return stages.includes("mark") && stages.filter((stage) => stage === "dead_letter").length === 2
      })

      const explained = yield* chain.capi("explain", "t-1", "--json")
      assert.strictEqual(explained.exitCode, 0, explained.errors)
      for (const one of personal) assert.notInclude(explained.out, one)
      const explanation = JSON.parse(explained.out) as EventExplanation
      assert.strictEqual(explanation.from, "raw")
      assert.deepStrictEqual(
        explanation.connections.map(({ outcome, decided_by, known }) => [outcome, decided_by, known?.outcome]),
        [
          ["payload", null, "delivered"],
          ["skipped", "filter", "skipped"]
        ]
      )

      // Lookups are for this machine, and for no page in a browser.
      const status = (headers: Readonly<Record<string, string>>) =>
        Effect.promise(() =>
          fetch(url + indexPath, { method: "POST", headers, body: `{"terms":[]}` }).then((it) => it.status)
        )
      assert.strictEqual(yield* status({ "content-type": "application/json" }), 200)
      assert.strictEqual(yield* status({ "content-type": "text/plain" }), 403)
    }).pipe(Effect.scoped)
  )
})
