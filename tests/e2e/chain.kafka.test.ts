/**
 * The whole chain end to end: a real broker and registry, every processor as its own program, the sandboxes in the
 * platforms' places, and the example's connections. One run, looked at from every side; the tests build on one another.
 */
import { createHash } from "node:crypto"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { jsonLines } from "../../infra/cli/testing.ts"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { deadLetterAad, makeSealer } from "../../shared/credentials/sealer.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { connectorKinds } from "../../shared/model/platform.ts"
import { waitUntil } from "../harness/wait-until.ts"
import {
  counts,
  credentials,
  decoded,
  type EndToEnd,
  masterKey,
  produce,
  rawRecords,
  received,
  startEndToEnd,
  untilSettled
} from "./end-to-end.ts"
import { leadParts, purchaseBodies } from "./expected-bodies.ts"
import { findings } from "./people.ts"
import { type Published, publishAll } from "./producers.ts"
import { resetByKafkasTool, resultsByPosition, sameBytes } from "./read-back.ts"
import { pasteShell, runPython } from "./readme-examples.ts"

describe("the chain from raw events to platforms", { timeout: 300_000 }, () => {
  const scope = Scope.makeUnsafe()
  let endToEnd: EndToEnd
  let published: Published

  beforeAll(async () => {
    const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))
    endToEnd = await Effect.runPromise(startEndToEnd().pipe(Effect.provide(env), Scope.provide(scope)))
    published = await publishAll(endToEnd)
    await untilSettled(endToEnd, published.now, published.count)
  }, 420_000)
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)), 60_000)

  it("accounts for every event at every connection", async () => {
    const balance = await untilSettled(endToEnd, published.now, published.count)
    assert.deepStrictEqual([balance.balanced, balance.missingRaw, balance.raw], [true, [], published.count])
    assert.strictEqual(balance.normalized + balance.deadLetteredRaw, published.count)
    const taken = await counts(endToEnd)
    const delivered: Record<string, number> = {}
    for (const { connectionId, consumed, outcomes, repeated, missing } of balance.connections) {
      const sum = Object.values(outcomes).reduce((total, count) => total + count, 0)
      assert.deepStrictEqual([connectionId, sum, repeated, missing], [connectionId, balance.normalized, 0, []])
      assert.strictEqual(consumed, balance.normalized)
      assert.isAbove(outcomes.delivered, 0, connectionId)
      const kind = endToEnd.connections.find(({ id }) => id === connectionId)!.kind
      delivered[kind] = (delivered[kind] ?? 0) + outcomes.delivered
    }
    for (const platform of connectorKinds) {
      const { events, duplicates } = taken[platform]!
      assert.deepStrictEqual([platform, events, duplicates], [platform, delivered[platform] ?? 0, 0])
    }
  })

  it("brings each platform the body that its documentation asks for, field by field", async () => {
    const bodies = purchaseBodies(published.now)
    for (const [platform, expected] of Object.entries(bodies)) {
      const found = (await received(endToEnd, platform)).filter(({ body, asset }) => {
        const text = JSON.stringify(body)
        return (text.includes('"e2e-purchase"') || text.includes('"o-e2e-42"')) && asset !== "2345678901"
      })
      assert.deepStrictEqual(
        found.map(({ body }): unknown => body),
        [expected],
        platform
      )
    }
    for (const [platform, part] of Object.entries(leadParts)) {
      const [lead] = (await received(endToEnd, platform)).filter(({ event_id }) => event_id === "e2e-lead")
      assert.isDefined(lead, platform)
      const asked = Object.fromEntries(Object.keys(part).map((key) => [key, lead?.body?.[key]]))
      assert.deepStrictEqual(asked, { ...part }, platform)
    }
  })

  it("takes events from clients of other languages", async () => {
    const bodies = await received(endToEnd, "meta")
    for (const id of published.javaIds) {
      const body = bodies.find(({ event_id, asset }) => event_id === id && asset === "1234567890")?.body
      assert.deepInclude(body, { event_name: "Purchase", event_id: id, action_source: "website" })
      assert.deepInclude(body?.["user_data"], {
        em: [createHash("sha256").update("jane.doe@example.com").digest("hex")],
        ph: [createHash("sha256").update("14155550132").digest("hex")]
      })
    }
  })

  it("gives every sample its outcome: the bad ones with reason, position and bytes, the others at every connection", async () => {
    const sealer = makeSealer(Redacted.make(masterKey))
    const deadLetters = await decoded(endToEnd, "dead-letters", "dead-letter")
    const normalizerDeadLetters = new Map(
      deadLetters
        .filter(({ stage }) => stage === "normalizer")
        .map((deadLetter) => [`${deadLetter.source_partition}:${deadLetter.source_offset}`, deadLetter])
    )
    const results = resultsByPosition(await decoded(endToEnd, "delivery-results", "event-delivery-log"))
    const records = [...(await rawRecords(endToEnd, "raw-events"))]
    for (const { sample, value } of published.samples) {
      const index = records.findIndex((record) => String(record.key) === sample.key && sameBytes(record.value, value))
      assert.isAtLeast(index, 0, sample.key)
      const [record] = records.splice(index, 1)
      const { partition, offset } = record!
      const deadLetter = normalizerDeadLetters.get(`${partition}:${offset}`)
      const own = results.get(`${partition}:${offset}`)
      if (sample.expect.outcome === "dead_letter") {
        assert.deepInclude(deadLetter, { reason_code: sample.expect.reason, source_topic: "raw-events", sealed: true })
        const aad = deadLetterAad("value", "raw-events", partition, offset)
        const opened = deadLetter?.original == null ? null : Result.getOrThrow(sealer.open(deadLetter.original, aad))
        assert.isTrue(sameBytes(opened, value), `${sample.key}: the original bytes`)
        assert.isUndefined(own)
        continue
      }
      assert.isUndefined(deadLetter, sample.key)
      assert.sameMembers(
        [...(own?.keys() ?? [])],
        endToEnd.connections.map(({ id }) => id)
      )
      const reasons = new Set([...(own?.values() ?? [])].map(({ reason_code }) => reason_code))
      const isDuplicate = sample.expect.outcome === "duplicate"
      if (sample.expect.outcome === "rejected") {
        assert.include([...reasons], sample.expect.reason, sample.key)
        assert.isFalse(reasons.has(null), sample.key)
      } else if (isDuplicate && !reasons.has("consent_unknown_in_europe"))
        // What no platform got, for want of consent, is no duplicate the next time either.
        assert.sameMembers([...reasons], [sample.expect.conflict ? "duplicate_conflict" : "duplicate"])
      else assert.isFalse(reasons.has("duplicate"), sample.key)
    }
  })

  it("publishes the health of every connection, and an alert of each that is not well", async () => {
    const health = await waitUntil(
      "the health of every connection",
      async () => {
        const statuses = await decoded(endToEnd, "connector-health", "connector-health-status")
        const latest = new Map(statuses.map((status) => [status.connection_id, status]))
        const balance = await untilSettled(endToEnd, published.now, published.count)
        const isCurrent = balance.connections.every(({ connectionId, outcomes }) => {
          const said = latest.get(connectionId)?.outcomes_1h["delivered"] ?? 0
          return said === outcomes.delivered
        })
        return isCurrent ? latest : null
      },
      60_000
    )
    assert.sameMembers(
      [...health.keys()],
      endToEnd.connections.map(({ id }) => id)
    )
    const alerts = await decoded(endToEnd, "health-alerts", "health-alert")
    for (const { connection_id, status, circuit_state, issues } of health.values()) {
      assert.strictEqual(circuit_state, "CLOSED", connection_id)
      const last = alerts.filter((alert) => alert.connection_id === connection_id).at(-1)
      assert.strictEqual(last?.status ?? "healthy", status, connection_id)
      assert.strictEqual(issues.length > 0, status !== "healthy", connection_id)
    }
    // Over a quarter of the samples' orders have no number or no usable value: that is no fault of WhatsApp's connection.
    assert.isAbove(health.get("whatsapp-orders")?.outcomes_1h["rejected"] ?? 0, 0)
    assert.isAtLeast(health.get("whatsapp-orders")?.success_rate_1h ?? 0, 90)
  })

  it("lets no person and no credential out of raw-events: no topic, log line or metric names them", async () => {
    const topics = (await endToEnd.run(KafkaClient.use((kafka) => kafka.listTopics))).filter((topic) =>
      topic.startsWith(endToEnd.prefix)
    )
    assert.isAtLeast(topics.length, 20)
    for (const name of topics) {
      const topic = name.slice(endToEnd.prefix.length)
      const text = (await rawRecords(endToEnd, topic))
        .map(({ key, value, headers }) => `${key ?? ""}\n${value ?? ""}\n${JSON.stringify(headers)}`)
        .join("\n")
      // The log of truth is where the scan must find the person, or it would find nothing anywhere.
      if (topic === "raw-events") assert.includeMembers([...findings(text)], ["quixworthy", "1987-03-21"])
      else assert.deepStrictEqual(findings(text, credentials), [], topic)
    }
    assert.isNotEmpty(findings(credentials.join(" "), credentials))
    for (const platform of connectorKinds) {
      const found = findings(JSON.stringify((await received(endToEnd, platform)).map(({ body }) => body)), credentials)
      // A message goes to a number that is not hashed; nothing else of the person goes anywhere.
      const number = found.filter((spelling) => spelling !== "4155550177")
      assert.deepStrictEqual([platform, number], [platform, []])
    }
    assert.deepStrictEqual(findings(endToEnd.programs.logs(), credentials), [])
    const metrics = await Effect.runPromise(endToEnd.programs.metrics)
    assert.include(metrics, "capi_delivery")
    assert.deepStrictEqual(findings(metrics, credentials), [])
    const printed = await Effect.runPromise(
      Effect.all([endToEnd.capi("results", "--json"), endToEnd.capi("dead-letters", "list", "--json")])
    )
    for (const { out, errors } of printed) {
      assert.isNotEmpty(out)
      assert.deepStrictEqual(findings(out + errors, credentials), [])
    }
  })

  it("sends nothing again when a producer publishes the same events again", async () => {
    const before = await counts(endToEnd)
    // What no platform took is not remembered as published: it would be rejected again.
    const good = published.samples.filter(
      ({ sample }) => sample.expect.outcome !== "dead_letter" && sample.expect.outcome !== "rejected"
    )
    const from =
      (await rawRecords(endToEnd, "raw-events")).reduce((latest, one) => Math.max(latest, one.timestamp), 0) + 1
    await waitUntil("the next millisecond", () => performance.timeOrigin + performance.now() > from + 1)
    await produce(
      endToEnd,
      good.map(({ sample, value }) => ({ key: sample.key, value }))
    )
    const balance = await untilSettled(endToEnd, from, good.length)
    assert.isTrue(balance.balanced)
    for (const { connectionId, outcomes, skippedBy } of balance.connections) {
      // A connection that refused an event gets it again, and refuses it again.
      const refused = outcomes.rejected + outcomes.expired
      assert.deepStrictEqual([connectionId, outcomes.skipped + refused], [connectionId, good.length])
      // What no platform ever gets, for want of consent or of a mapping, is reported as such each time.
      const { duplicate = 0, duplicate_conflict = 0, no_mapping = 0, filter = 0, ...rest } = skippedBy
      const { consent = 0, consent_unknown_in_europe: unknown = 0, ...others } = rest
      assert.deepStrictEqual(others, {}, connectionId)
      assert.strictEqual(duplicate + duplicate_conflict + consent + unknown + no_mapping + filter, outcomes.skipped)
      assert.isAbove(duplicate, 0.75 * good.length)
      assert.isAbove(duplicate_conflict, 0)
    }
    const after = await counts(endToEnd)
    for (const platform of connectorKinds)
      assert.strictEqual(after[platform]?.events, before[platform]?.events, platform)
  })

  it("replays by an offset reset, ours or Kafka's own, and the platforms count what came again", async () => {
    const { connections } = await untilSettled(endToEnd, published.now, published.count)
    const deliveredBy = (id: string) =>
      connections.find(({ connectionId }) => connectionId === id)?.outcomes.delivered ?? 0
    const replayed = ["delivery-snapchat", "delivery-tiktok"] as const
    await Effect.runPromise(endToEnd.programs.stop(replayed))
    const reset = await Effect.runPromise(
      endToEnd.capi("replay", "--stage", "delivery-snapchat.snapchat-shop", "--from", "beginning", "-y")
    )
    assert.strictEqual(reset.exitCode, 0, reset.errors)
    const tiktok = await resetByKafkasTool(endToEnd, "delivery-tiktok.tiktok-shop", "mapped-events.tiktok")
    await Effect.runPromise(endToEnd.programs.start(replayed))
    const expected = {
      snapchat: deliveredBy("snapchat-shop"),
      tiktok: tiktok ? deliveredBy("tiktok-shop") : 0,
      meta: 0
    }
    await waitUntil(
      "what was sent again",
      async () => {
        const now = await counts(endToEnd)
        return now["snapchat"]?.duplicates === expected.snapchat && now["tiktok"]?.duplicates === expected.tiktok
      },
      120_000
    )
    // A platform counts a request before its results are committed, and the first sending settled the ledger long ago.
    await waitUntil(
      "the ledger's count of what was repeated",
      async () => {
        const { balanced, connections: now } = await untilSettled(endToEnd, published.now, published.count)
        assert.isTrue(balanced)
        return (now.find(({ connectionId }) => connectionId === "snapchat-shop")?.repeated ?? 0) >= expected.snapchat
      },
      120_000
    )
    assert.strictEqual((await counts(endToEnd))["meta"]?.duplicates, expected.meta)
  })

  it("delivers what the README shows at every connection, each time it is pasted, and the look-up shows it", async () => {
    const all = endToEnd.connections.map(({ id }) => id).sort()
    for (let time = 0; time < 2; time++) {
      const { id, text } = await pasteShell(endToEnd)
      const rows = text.split("\n").filter((line) => line.includes(id) && line.includes(" delivered "))
      assert.deepStrictEqual([...new Set(rows.map((row) => all.find((one) => row.includes(one))))].sort(), all, text)
    }
    const id = await runPython(endToEnd)
    if (id === null) return
    const found = await Effect.runPromise(endToEnd.capi("results", "--event", id, "--wait", "60 seconds", "--json"))
    const delivered = jsonLines(found.out)[0]?.["results"] as ReadonlyArray<EventDeliveryLog>
    const connections = delivered.filter(({ outcome }) => outcome === "delivered").map((log) => log.connection_id)
    assert.deepStrictEqual([...new Set(connections)].sort(), all, found.out)
  })
})
