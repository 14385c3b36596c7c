/**
 * Every connector against its platform's sandbox, over real HTTP: raw events are normalized and mapped, sent, and judged.
 * The sandbox was written from the platforms' documentation alone, so an agreement of the two is one with the documents.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { type Sandbox, sandboxCredentials, startSandbox } from "../infra/sandbox/sandbox.ts"
import { fixedClock } from "../infra/sandbox/testing.ts"
import type { MappedEvent } from "../schemas/types.gen.ts"
import type { Connection } from "../shared/connections/connection.ts"
import {
  type BatchVerdict,
  type Connector,
  type JsonObject,
  opensNothing,
  type RequestContext,
  type Secret
} from "../shared/connectors/connector.ts"
import { authorize, connectorClient, type Execute } from "../shared/connectors/connector-client.ts"
import { HttpTransport, makeHttpTransport } from "../shared/connectors/http/http-client.ts"
import { failureVerdict } from "../shared/connectors/http/http-failure.ts"
import { builtinConnection } from "../shared/connectors/load-connections.ts"
import { connectorFor } from "../shared/connectors/registry.ts"
import { openRecipient } from "../shared/credentials/sealer.ts"
import { type ConnectorKind, connectorKinds } from "../shared/model/platform.ts"
import { sandboxEvent, sealer } from "./support/sandbox-event.ts"

for (const kind of connectorKinds) {
  const isSingle = kind === "whatsapp"
  const count = isSingle ? 1 : 5

  describe(`${kind} against its sandbox`, () => {
    it.live("is connected, and delivers every event once", () =>
      scenario(kind, function* ({ client, events, stats }) {
        assert.strictEqual((yield* client.connect).status, "connected")
        const sent = yield* client.sendEvents(events(count))
        assert.deepStrictEqual(sent.errors, [])
        assert.deepInclude(sent, { success: true, events_received: count, events_processed: count })
        assert.deepInclude(yield* stats, { distinct: count, duplicates: 0 })
      })
    )

    if (!isSingle)
      it.live("delivers as a test where the connection has a test code", () =>
        scenario(
          kind,
          function* ({ client, send, events }) {
            assert.deepStrictEqual((yield* client.sendEvents(events(count))).errors, [])
            assert.strictEqual(classOf(yield* send(events(count))), "delivered")
          },
          undefined,
          "TEST1"
        )
      )

    it.live("stops at a wrong credential", () =>
      scenario(
        kind,
        function* ({ client, send, events }) {
          assert.strictEqual((yield* client.testConnection).status, "error")
          assert.strictEqual(classOf(yield* send(events(count))), "auth")
        },
        (secret) => mapValues(secret, () => Redacted.make("wrong"))
      )
    )

    it.live("waits as long as the platform's throttle says", () =>
      scenario(kind, function* ({ fault, send, events }) {
        yield* fault({ kind: "throttle", retry_after_s: 7 })
        const verdict = yield* send(events(count))
        assert.strictEqual(classOf(verdict), "throttled")
        assert.strictEqual(Duration.toSeconds(verdict.retryAfter ?? Duration.zero), 7)
      })
    )

    it.live("retries what an outage answers, or does not answer", () =>
      scenario(kind, function* ({ fault, send, sendInHaste, events }) {
        const cases: ReadonlyArray<readonly [JsonObject, ReadonlyArray<string>]> = [
          [{ kind: "server_error", status: 500 }, ["transient"]],
          [{ kind: "server_error", status: 503 }, ["transient"]],
          [{ kind: "html", status: 502 }, ["transient"]],
          [{ kind: "html", status: 200 }, ["unknown"]],
          [{ kind: "truncated_body" }, ["transient"]],
          [{ kind: "reset_before" }, ["transient"]],
          [{ kind: "dead" }, ["transient"]],
          [{ kind: "hang" }, ["transient"]],
          [{ kind: "reply", status: 200, body: "OK" }, ["unknown"]],
          [{ kind: "reply", status: 200, body: "" }, ["unknown"]]
        ]
        for (const [given, classes] of cases) {
          yield* fault(given)
          const verdict = yield* (given["kind"] === "hang" ? sendInHaste : send)(events(count))
          assert.include(classes, classOf(verdict), JSON.stringify(given))
        }
      })
    )

    it.live("bears an answer of 64 MB", () =>
      scenario(kind, function* ({ fault, send, events }) {
        yield* fault({ kind: "huge_body" })
        const verdict = yield* send(events(count))
        assert.include(["unknown", "transient", "delivered", "accepted"], classOf(verdict))
      })
    )

    it.live("blames the poisoned event, or says that there is one", () =>
      scenario(kind, function* ({ fault, send, events, stats }) {
        const batch = events(count)
        const poisoned = batch[count - 1]!
        yield* fault({ kind: "poison", event_ids: [poisoned.event_id], marker: poisoned.event_id, count: null })
        const verdict = yield* send(batch)
        if (isSingle) return assert.strictEqual(classOf(verdict), "invalid_event")
        if (verdict._tag === "InvalidEvents") assert.deepStrictEqual([...verdict.invalidEvents.keys()], [count - 1])
        else if (verdict._tag === "PerEvent") {
          assert.deepStrictEqual(
            verdict.events.map(({ errorClass }) => errorClass),
            ["delivered", "delivered", "delivered", "delivered", "invalid_event"]
          )
        } else assert.strictEqual(verdict._tag, "SomeInvalid")
        if (verdict._tag !== "PerEvent") assert.strictEqual((yield* stats)["events"], 0)
      })
    )
  })
}

describe("an element that Meta's sandbox names", () => {
  it.live("is refused alone: the rest goes as one request", () =>
    scenario("meta", function* ({ client, events, stats }) {
      const batch = events(4).map((event, index) => {
        if (index !== 1) return event
        const payload = JSON.parse(event.payload)
        return { ...event, payload: JSON.stringify({ ...payload, custom_data: { contents: { id: "s1" } } }) }
      })
      const sent = yield* client.sendEvents(batch)
      assert.deepStrictEqual(
        sent.errors.map(({ event_id, code }) => [event_id, code]),
        [[batch[1]!.event_id, "event_not_accepted:100/2804019"]]
      )
      assert.deepInclude(yield* stats, { distinct: 3, requests: 2 })
    })
  )
})

describe("Google's later outcome from its sandbox", () => {
  it.live("comes after a while, with what failed", () =>
    scenario("google", function* ({ connector, send, ask, events, fault, pass }) {
      const batch = events(3)
      yield* fault({ kind: "fails_later", event_ids: [batch[1]!.event_id], marker: batch[1]!.event_id, count: null })
      const { trackingId } = yield* send(batch)
      assert.isNotNull(trackingId)
      assert.strictEqual(connector.asyncOutcome!.read(yield* ask(trackingId!))._tag, "Pending")
      yield* pass(1_000)
      const reading = connector.asyncOutcome!.read(yield* ask(trackingId!))
      assert.strictEqual(reading._tag, "Final", JSON.stringify(reading))
      if (reading._tag !== "Final") return
      assert.strictEqual(reading.processed, 2)
      assert.deepStrictEqual(
        reading.rejected.map((each) => each.count),
        [1]
      )
    })
  )
})

interface Scenario {
  readonly connector: Connector
  readonly client: Effect.Success<ReturnType<typeof connectorClient>>
  readonly events: (count: number) => ReadonlyArray<MappedEvent>
  /** One request and its verdict, as the delivery engine does it. */
  readonly send: (events: ReadonlyArray<MappedEvent>) => Effect.Effect<BatchVerdict>
  /** The same, which waits half a second for an answer. */
  readonly sendInHaste: Scenario["send"]
  readonly ask: (trackingId: string) => Effect.Effect<Effect.Success<ReturnType<Execute>>>
  /** Scripts a fault; for one request to the events' endpoint, unless it says otherwise. */
  readonly fault: (fault: JsonObject) => Effect.Effect<void>
  /** Moves the sandbox's time on; it does not move by itself. */
  readonly pass: (millis: number) => Effect.Effect<void>
  /** What the sandbox counted of this kind. */
  readonly stats: Effect.Effect<JsonObject>
}

const scenario = (
  kind: ConnectorKind,
  play: (scenario: Scenario) => Generator<Effect.Effect<unknown, unknown, Scope.Scope>, void, never>,
  spoil: (secret: Secret) => Secret = (secret) => secret,
  testEventCode: string | null = null
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const starting = startSandbox({ google: { processingMillis: 1_000 }, whatsapp: { pairWindowMillis: 0 } })
      const sandbox = yield* Effect.provideServiceEffect(starting, Clock.Clock, fixedClock)
      const transport = yield* makeHttpTransport()
      const connection = { ...connectionOf(kind, sandbox), testEventCode }
      const scenario = yield* startScenario(connection, sandbox, transport.execute, spoil(secretOf(kind))).pipe(
        Effect.provide(Layer.succeed(HttpTransport, transport))
      )
      yield* Effect.gen(() => play(scenario))
    })
  )

const startScenario = (connection: Connection, sandbox: Sandbox, execute: Execute, secret: Secret) =>
  Effect.gen(function* () {
    const { kind, testEventCode } = connection
    const connector = connectorFor(kind)
    const context: RequestContext = {
      connection,
      secret,
      open: (sealed, eventId) =>
        Result.orElse(openRecipient(sealer, sealed, eventId), () => opensNothing(sealed, eventId))
    }
    const client = yield* connectorClient(connector, context)
    const hasty = yield* makeHttpTransport({ timeoutMillis: 500 })
    const authorized = Effect.orDie(authorize(connector, context, execute))
    const sendBy = (ask: Execute) => (events: ReadonlyArray<MappedEvent>) =>
      authorize(connector, context, execute).pipe(
        Effect.flatMap((ready) => Effect.result(ask(connector.request(events, ready)))),
        Effect.map((answer) =>
          Result.isSuccess(answer)
            ? connector.verdict(answer.success, events, testEventCode !== null)
            : failureVerdict(answer.failure)
        ),
        Effect.catch((verdict) => Effect.succeed<BatchVerdict>({ ...failureHead, _tag: "All", verdict }))
      )
    return {
      connector,
      client,
      send: sendBy(execute),
      sendInHaste: sendBy(hasty.execute),
      events: (count) => Array.from({ length: count }, (_, index) => sandboxEvent(connection, connector, index)),
      ask: (trackingId) =>
        Effect.flatMap(authorized, (ready) =>
          Effect.orDie(execute(connector.asyncOutcome!.request(trackingId, ready)))
        ),
      // Faults apply to requests with events alone, not Google's status requests.
      fault: (fault) =>
        Effect.asVoid(control(sandbox, "POST", "faults", { platform: kind, min_events: 1, count: 1, ...fault })),
      pass: (millis) => Effect.asVoid(control(sandbox, "POST", "clock", { offset_ms: millis })),
      stats: Effect.map(
        control(sandbox, "GET", "stats"),
        (body) => (body["platforms"] as Record<string, JsonObject>)[kind]!
      )
    } satisfies Scenario
  })

const failureHead = {
  requestId: null,
  eventsReceived: null,
  warnings: [],
  retryAfter: null,
  usagePercent: null,
  trackingId: null
}

const connectionOf = (kind: ConnectorKind, sandbox: Sandbox): Connection => {
  const builtin = builtinConnection(kind)
  return {
    ...builtin,
    account: builtin.kind.startsWith("google")
      ? { ...builtin.account, oauth_host: sandbox.urls["google-oauth"] }
      : builtin.account,
    endpoint: { host: sandbox.urls[kind], version: connectorFor(kind).endpoint.version }
  }
}

const secretOf = (kind: ConnectorKind): Secret =>
  mapValues(sandboxCredentials()[kind]!.secret, (value) => Redacted.make(value))

const control = (sandbox: Sandbox, method: string, path: string, body?: JsonObject): Effect.Effect<JsonObject> =>
  Effect.promise(async () => {
    const response = await fetch(`${sandbox.controlUrl}/_sandbox/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    assert.strictEqual(response.status, 200, await response.clone().text())
    return (await response.json()) as JsonObject
  })

const classOf = (verdict: BatchVerdict): string =>
  verdict._tag === "All" || verdict._tag === "SomeInvalid"
    ? verdict.verdict.errorClass
    : verdict._tag === "InvalidEvents"
      ? "invalid_event"
      : [...new Set(verdict.events.map(({ errorClass }) => errorClass))].join()

const mapValues = <A, B>(
  record: Readonly<Record<string, A>>,
  f: (value: A, key: string) => B
): Readonly<Record<string, B>> => Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value, key)]))
