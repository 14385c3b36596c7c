/** What the checks make of what they read: each rule with what breaks it and what does not. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { rawEventFromJson } from "../../../processors/normalizer/read/read-record.ts"
import { connectionOf } from "../../../shared/testing/event-fixture.ts"
import { declaredTopics } from "../../topics/declared-topics.ts"
import { apiVersionFindings } from "./api-versions.ts"
import { type Found, failed, ok, runCheck } from "./check.ts"
import { clockFinding } from "./clock-check.ts"
import { consumerFindings } from "./consumer-checks.ts"
import { eventIdFindings, sampledOf } from "./event-ids.ts"
import { expiryProblem } from "./platform-checks.ts"
import { retentionProblems } from "./retention.ts"
import { checkPartitions, checkPresent, cleanupProblems, copyProblems, sizeProblems } from "./topic-checks.ts"

const day = 86_400_000
const statusesOf = (found: ReadonlyArray<Found>) => found.map(({ status }) => status)

describe("API versions", () => {
  const ends = Date.parse("2027-01-21")
  const at = (version: string, now: number) =>
    apiVersionFindings([{ id: "shop", kind: "meta", endpoint: { host: "h", version } }], now)

  it("are named 90 days before their end, and failures from 7 days on", () => {
    assert.deepStrictEqual(
      [100, 89, 29, 6, 0, -2].map((days) => at("v21.0", ends - days * day)[0]!.status),
      ["ok", "warning", "warning", "failed", "failed", "failed"]
    )
    assert.include(at("v21.0", ends - 29 * day)[0]!.message, "Less than a month")
    assert.include(at("v21.0", ends + 2 * day)[0]!.message, "ended on 2027-01-21")
    assert.include(at("v21.0", ends)[0]!.next, "v26.0")
  })

  it("without an announced end are well, and unknown ones are named", () => {
    assert.deepStrictEqual(statusesOf(at("v26.0", ends)), ["ok"])
    assert.deepStrictEqual(statusesOf(at("v99.0", ends)), ["warning"])
  })
})

describe("event ids", () => {
  const event = (position: string, more: object, orderId?: string) => {
    const json = { event_name: "purchase", event_time: 1, user: { email: "a@shop.example" }, ...more }
    const read = rawEventFromJson({ ...json, properties: { value: 1, currency: "USD", order_id: orderId } })
    if (read._tag !== "Read") return assert.fail(read.problem.message)
    return sampledOf(position, read.raw)
  }

  it("of one occurrence each are well, also where it is sent again", () => {
    const found = eventIdFindings([
      event("0:1", { event_id: "a" }, "1"),
      event("0:2", { event_id: "a" }, "1"),
      event("0:3", { event_id: "b" }, "2")
    ])
    assert.deepStrictEqual(statusesOf(found), ["ok"])
  })

  it("that change in each attempt are found, by order and by content", () => {
    const byOrder = eventIdFindings([event("0:1", { event_id: "a" }, "1"), event("0:2", { event_id: "b" }, "1")])
    assert.deepStrictEqual(statusesOf(byOrder), ["failed"])
    assert.include(byOrder[0]!.message, "raw-events 0:1, 0:2")
    const byContent = ["a", "b"].map((id) => event(`0:${id}`, { event_id: id, event_name: "lead" }))
    assert.deepStrictEqual(statusesOf(eventIdFindings(byContent)), ["failed"])
  })

  it("that stand for several orders, or for many events, are found", () => {
    const orders = ["1", "2"].map((order) => event(`0:${order}`, { event_id: "same" }, order))
    assert.deepStrictEqual(statusesOf(eventIdFindings(orders)), ["failed"])
    const events = [1, 2, 3].map((time) =>
      event(`0:${time}`, { event_id: "same", event_name: "lead", event_time: time })
    )
    assert.deepStrictEqual(statusesOf(eventIdFindings(events)), ["warning"])
  })

  it("that are missing are a failure, and without events nothing can be said", () => {
    const missing = { position: "0:1", id: null, name: "", orderId: null, content: "" }
    assert.deepStrictEqual(statusesOf(eventIdFindings([missing])), ["failed"])
    assert.deepStrictEqual(statusesOf(eventIdFindings([])), ["not_checked"])
  })
})

describe("topics", () => {
  const topic = (name: string, config: Readonly<Record<string, string>> = {}) => {
    const declared = declaredTopics("", 1).find((one) => one.name === name)!
    return { name, declared, config: { ...declared.config, ...config } }
  }
  const options = {
    settings: { eventLog: "raw-events" as const },
    connections: [connectionOf("meta")],
    dedupWindow: Duration.hours(24)
  }
  const retention = (name: string, millis: number, more: Partial<typeof options> = {}) =>
    statusesOf(retentionProblems(topic(name, { "retention.ms": String(millis) }), { ...options, ...more }))

  it("as declared have no problem", () => {
    for (const { name } of declaredTopics("", 1)) {
      assert.deepStrictEqual(retentionProblems(topic(name), options), [], name)
      assert.deepStrictEqual(cleanupProblems(topic(name)), [], name)
    }
  })

  it("keep records as long as platforms take them, and duplicates are recognized", () => {
    assert.deepStrictEqual(retention("mapped-events.meta", 6 * day), ["failed"])
    assert.deepStrictEqual(retention("mapper-dedup", 3_600_000), ["failed"])
    assert.deepStrictEqual(retention("delivery-results", day), ["warning"])
  })

  it("keep personal data no longer than declared", () => {
    assert.deepStrictEqual(retention("raw-events", 90 * day), ["warning"])
    assert.deepStrictEqual(retention("raw-events", -1), ["failed"])
    const sealed = {
      name: "raw-events",
      declared: declaredTopics("", 1, undefined, "sealed-events").find(({ name }) => name === "raw-events")!
    }
    const problems = retentionProblems(
      { ...sealed, config: { "retention.ms": String(2 * day) } },
      { ...options, settings: { eventLog: "sealed-events" } }
    )
    assert.deepStrictEqual(statusesOf(problems), ["failed"])
  })

  it("delete by age alone", () => {
    const found = retentionProblems(topic("raw-events", { "retention.bytes": "1000" }), options)
    assert.deepStrictEqual(statusesOf(found), ["warning"])
  })

  it("are compacted where they are state, and nowhere else", () => {
    assert.deepStrictEqual(statusesOf(cleanupProblems(topic("delivery-positions", { "cleanup.policy": "delete" }))), [
      "failed"
    ])
    assert.deepStrictEqual(statusesOf(cleanupProblems(topic("raw-events", { "cleanup.policy": "compact" }))), [
      "failed"
    ])
    assert.deepStrictEqual(cleanupProblems(topic("consent-changes", { "cleanup.policy": "delete,compact" })), [])
  })

  it("have to exist, except for those that only programs use which need not run", () => {
    const wanted = {
      settings: { topicPrefix: "p." },
      topics: ["raw-events", "send-intents"],
      optional: new Set(["send-intents"])
    }
    const found = (...names: ReadonlyArray<string>) =>
      checkPresent(wanted, new Map(names.map((name) => [`p.${name}`, null])))
    assert.deepStrictEqual(statusesOf(found("raw-events", "send-intents")), ["ok"])
    assert.deepStrictEqual(statusesOf(found("raw-events")), ["warning"])
    assert.deepStrictEqual(statusesOf(found("send-intents")), ["failed"])
    assert.include(found("send-intents")[0]!.message, "p.raw-events")
  })

  it("of events have the same number of partitions, and the others one", () => {
    const copies = (partitions: number) => ({ partitions, replicas: 1, inSync: 1, leaderless: 0 })
    const found = (all: Readonly<Record<string, number>>) =>
      checkPartitions("p.", new Map(Object.entries(all).map(([name, partitions]) => [`p.${name}`, copies(partitions)])))
    assert.deepStrictEqual(statusesOf(found({ "raw-events": 6, "mapper-dedup": 6, suppressions: 1 })), ["ok"])
    const different = found({ "raw-events": 6, "mapper-dedup": 4 })
    assert.deepStrictEqual(statusesOf(different), ["failed"])
    assert.include(different[0]!.message, "mapper-dedup 4")
    assert.deepStrictEqual(statusesOf(found({ "raw-events": 6, suppressions: 2 })), ["failed"])
  })

  it("have room for what is made of the longest raw event", () => {
    const sizes = (raw: number, deadLetters: number) =>
      statusesOf(
        sizeProblems([
          topic("raw-events", { "max.message.bytes": String(raw) }),
          topic("dead-letters", { "max.message.bytes": String(deadLetters) })
        ])
      )
    assert.deepStrictEqual(sizes(1_000_000, 8_000_000), [])
    assert.deepStrictEqual(sizes(8_000_000, 8_000_000), ["warning"])
    assert.deepStrictEqual(sizeProblems(declaredTopics("", 1).map(({ name }) => topic(name))), [])
    assert.lengthOf(sizeProblems([topic("normalized-events", { "max.message.bytes": "1048588" })]), 1)
  })

  it("outlive the loss of a broker, and can be written without one", () => {
    const problem = (replicas: number, inSync: number, least: number, brokers = 3) =>
      statusesOf(copyProblems("raw-events", { partitions: 1, replicas, inSync, leaderless: 0 }, least, brokers))
    assert.deepStrictEqual(problem(3, 3, 2), [])
    assert.deepStrictEqual(problem(1, 1, 1, 1), [])
    assert.deepStrictEqual(problem(1, 1, 1), ["warning"])
    assert.deepStrictEqual(problem(3, 3, 3), ["warning"])
    assert.deepStrictEqual(problem(3, 3, 1), ["warning"])
    assert.deepStrictEqual(problem(2, 2, 1), ["warning"])
    assert.deepStrictEqual(problem(2, 2, 1, 2), [])
    assert.deepStrictEqual(problem(3, 1, 2), ["failed"])
  })
})

describe("consumer groups", () => {
  const found = (next: number | null, members: number, waitedMillis: number | null) =>
    consumerFindings({
      group: "mapper",
      topic: "normalized-events",
      members,
      positions: [{ partition: 0, low: 100, high: 200, next }],
      waitedMillis
    })

  it("are well while they run and keep up", () => {
    assert.deepStrictEqual(statusesOf(found(200, 1, null)), ["ok"])
    assert.deepStrictEqual(statusesOf(found(190, 1, 1_000)), ["ok"])
    assert.deepStrictEqual(statusesOf(found(190, 1, 600_000)), ["warning"])
  })

  it("that have not begun are not checked, and stopped ones are named", () => {
    assert.deepStrictEqual(statusesOf(found(null, 0, null)), ["not_checked"])
    assert.deepStrictEqual(statusesOf(found(190, 0, 1_000)), ["warning"])
  })

  it("whose next record is gone have lost records", () => {
    assert.deepStrictEqual(statusesOf(found(40, 1, null)), ["failed"])
    assert.include(found(40, 1, null)[0]!.message, "60 records")
    assert.deepStrictEqual(statusesOf(found(900, 1, null)), ["failed"])
  })
})

it("the clock is compared with most servers, not with the worst", () => {
  const at = (...ahead: ReadonlyArray<number>) =>
    clockFinding(ahead.map((aheadMillis) => ({ source: "s", aheadMillis }))).status
  assert.deepStrictEqual(
    [at(), at(100), at(-3_000, 0, 900_000), at(20_000), at(-120_000)],
    ["not_checked", "ok", "ok", "warning", "failed"]
  )
})

it("a credential is named a month before its end, and a failure in its last days", () => {
  const now = Date.parse("2026-12-01")
  const at = (days: number) => statusesOf(expiryProblem("shop", now + days * day, now))
  assert.deepStrictEqual([at(60), at(20), at(2), at(-1)], [[], ["warning"], ["failed"], ["failed"]])
})

describe("a check", () => {
  const run = (work: Effect.Effect<ReadonlyArray<Found>, { code: string; message: string; nextStep: string }>) =>
    runCheck({ group: "kafka", name: "x", run: work, deadline: Duration.millis(20) })

  it.live("ends at its deadline, and without rights says so", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(statusesOf(yield* run(Effect.never)), ["failed"])
      const denied = Effect.fail({ code: "unauthorized", message: "no", nextStep: "grant" })
      assert.deepStrictEqual(statusesOf(yield* run(denied)), ["not_checked"])
      assert.deepStrictEqual(statusesOf(yield* run(Effect.die(new Error("bug")))), ["failed"])
      assert.deepStrictEqual(statusesOf(yield* run(Effect.succeed([ok("well")]))), ["ok"])
    })
  )

  it.effect("prints no person and no line break", () =>
    Effect.gen(function* () {
      const [finding] = yield* run(Effect.succeed([failed("jane@shop.example\nis wrong", "x")]))
      assert.notInclude(finding!.message, "jane")
      assert.notInclude(finding!.message, "\n")
    })
  )
})
