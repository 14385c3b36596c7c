/**
 * The one set of tests that every connector passes: what the delivery engine relies on, whatever the platform. A kind
 * brings its documented answers (`fixture.ts` of its folder); nothing else of it is known here.
 */
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import type { MappedEvent } from "../../../schemas/types.gen.ts"
import type {
  BatchVerdict,
  Connector,
  ErrorClass,
  HttpRequestSpec,
  HttpResponseSpec,
  RequestContext
} from "../connector.ts"
import { type ConnectorClient, connectorClient } from "../connector-client.ts"
import { HttpTransport } from "../http/http-client.ts"
import { type HttpFailure, httpFailure } from "../http/http-failure.ts"
import { assertBounded, classesOf, hostileBodies, hostileHeaders, hugeBody, mutationOf } from "./contract-checks.ts"

export interface ContractFixture {
  readonly connector: Connector
  readonly context: RequestContext
  /** The secrets' plain values: none may show anywhere. */
  readonly secretValues: ReadonlyArray<string>
  readonly events: (count: number) => ReadonlyArray<MappedEvent>
  /** The payload's bytes as they stand in the body. */
  readonly payloadInBody: (event: MappedEvent) => string
  readonly answers: DocumentedAnswers
}

/** A platform's documented answers, from its pages and not from our code: `answers` of `fixture.ts` in its folder. */
export interface DocumentedAnswers {
  readonly accepted: (count: number) => HttpResponseSpec
  /** A full batch of which one event is bad, and the verdict that leads to it. */
  readonly oneBad: {
    readonly response: (index: number, count: number) => HttpResponseSpec
    readonly tag: BatchVerdict["_tag"]
  } | null
  readonly unauthorized: HttpResponseSpec
  readonly throttled: HttpResponseSpec
  readonly errorInside200: HttpResponseSpec
  /** The answer to a request without events where address, account and credential are right. */
  readonly probed: HttpResponseSpec
  readonly token?: HttpResponseSpec
  /** Of messages: the recipient of every event, sealed. */
  readonly sealedRecipient?: string
  /** The payload as it is in the body, where that is not all of it. */
  readonly payloadInBody?: (payload: string) => string
}

export const describeConnector = (fixture: ContractFixture): void => {
  const { connector, context, answers, events } = fixture
  const full = connector.limits.documented.eventsPerRequest
  const verdictOf = (response: HttpResponseSpec, count = full) => connector.verdict(response, events(count))

  describe(`the contract of ${connector.kind}: request`, () => {
    const batch = events(full)
    const spec = connector.request(batch, context)

    it("holds every payload of a full batch byte for byte, in order, within the bytes of a request", () => {
      let position = 0
      for (const event of batch) {
        const found = (spec.body ?? "").indexOf(fixture.payloadInBody(event), position)
        assert.isAtLeast(found, position, event.event_id)
        position = found + 1
      }
      assert.isAtMost(Buffer.byteLength(spec.body ?? ""), connector.limits.documented.bytesPerRequest)
      assert.doesNotThrow(() => JSON.parse(spec.body ?? ""))
    })

    it("is the same for the same events", () => {
      assert.strictEqual(connector.request(events(full), context).body, spec.body)
    })

    it("shows no secret, whatever way it is printed", () => {
      for (const printed of [
        spec,
        connector.probe(context),
        connector.refresh?.request(context),
        connector.asyncOutcome?.request("id", context)
      ]) {
        const text = `${inspect(printed, { depth: 10, showHidden: true })} ${JSON.stringify(printed)} ${String(printed)}`
        for (const value of fixture.secretValues) assert.notInclude(text, value)
      }
    })

    it("goes to the connection's host and version", () => {
      assert.isTrue(spec.url.startsWith(context.connection.endpoint.host))
      assert.include(spec.url, context.connection.endpoint.version)
      assert.strictEqual(spec.headers["content-type"], "application/json")
    })

    it("probes without events", () => {
      assert.notInclude(connector.probe(context).body ?? "", fixture.payloadInBody(events(1)[0]!))
    })
  })

  describe(`the contract of ${connector.kind}: verdict`, () => {
    it("takes a full batch", () => {
      const verdict = verdictOf(answers.accepted(full))
      assert.strictEqual(verdict.eventsReceived, full)
      for (const errorClass of classesOf(verdict, full)) assert.include(["delivered", "accepted"], errorClass)
      assert.strictEqual(verdict.trackingId !== null, classesOf(verdict, full).includes("accepted"))
      if (classesOf(verdict, full).includes("accepted") && connector.asyncOutcome !== undefined)
        assert.isNotNull(verdict.trackingId)
    })

    it("finds the bad event, or says that there is one", () => {
      if (answers.oneBad === null) return
      for (const index of [0, 1, full - 1]) {
        const verdict = verdictOf(answers.oneBad.response(index, full))
        assert.strictEqual(verdict._tag, answers.oneBad.tag)
        if (verdict._tag === "InvalidEvents") assert.deepStrictEqual([...verdict.invalidEvents.keys()], [index])
        if (verdict._tag === "PerEvent") {
          const bad = verdict.events.flatMap(({ errorClass }, at) => (errorClass === "invalid_event" ? [at] : []))
          assert.deepStrictEqual(bad, [index])
        }
      }
    })

    it("blames a single bad event itself", () => {
      if (answers.oneBad === null) return
      assert.deepStrictEqual(classesOf(verdictOf(answers.oneBad.response(0, 1), 1), 1), ["invalid_event"])
    })

    it("waits as long as a 429 says", () => {
      const seconds = verdictOf({
        ...answers.throttled,
        headers: { ...answers.throttled.headers, "retry-after": "17" }
      })
      assert.deepStrictEqual(new Set(classesOf(seconds, full)), new Set<ErrorClass>(["throttled"]))
      assert.strictEqual(Duration.toSeconds(seconds.retryAfter ?? Duration.zero), 17)
      const bare = verdictOf({ status: 429, headers: { "retry-after": "5" }, body: "Too Many Requests" })
      assert.deepStrictEqual(new Set(classesOf(bare, full)), new Set<ErrorClass>(["throttled"]))
      assert.strictEqual(Duration.toSeconds(bare.retryAfter ?? Duration.zero), 5)
    })

    it("stops the connection at a 401", () => {
      for (const response of [answers.unauthorized, { status: 401, headers: {}, body: "" }]) {
        const verdict = verdictOf(response)
        assert.strictEqual(verdict._tag, "All")
        assert.deepStrictEqual(new Set(classesOf(verdict, full)), new Set<ErrorClass>(["auth"]))
      }
    })

    it("retries a 5xx, with any body", () => {
      for (const status of [500, 502, 503, 504, 520, 599]) {
        for (const body of hostileBodies) {
          assert.deepStrictEqual(
            new Set(classesOf(verdictOf({ status, headers: {}, body }), full)),
            new Set<ErrorClass>(["transient"])
          )
        }
      }
    })

    it("does not take an error inside 200 for a success", () => {
      for (const errorClass of classesOf(verdictOf(answers.errorInside200), full)) {
        assert.notInclude(["delivered", "accepted", "duplicate"], errorClass)
      }
    })

    it("does not understand a hostile body, and never calls it a success or the events' fault", () => {
      for (const status of [200, 201, 204, 400, 403, 418]) {
        for (const body of hostileBodies) {
          for (const errorClass of new Set(
            classesOf(verdictOf({ status, headers: { "content-type": "text/html" }, body }), full)
          )) {
            assert.include(["unknown", "transient", "auth"], errorClass, `${status} ${body.slice(0, 40)}`)
          }
        }
      }
    })

    it("bears a body of 10 MB, whole or cut", () => {
      for (const body of [hugeBody, hugeBody.slice(0, -1)]) {
        assert.deepStrictEqual(
          new Set(classesOf(verdictOf({ status: 200, headers: {}, body }), full)),
          new Set<ErrorClass>(["unknown"])
        )
      }
    })

    it("is total: any status, headers and body give one bounded verdict for each event", () => {
      const documented = [
        answers.accepted(3),
        answers.unauthorized,
        answers.throttled,
        answers.errorInside200,
        answers.probed
      ]
      const bad = answers.oneBad === null ? [] : [answers.oneBad.response(1, 3)]
      const bodies = fc.oneof(
        fc.string({ unit: "binary" }),
        fc.json(),
        mutationOf([...documented, ...bad].map(({ body }) => body))
      )
      const headers = fc.dictionary(fc.constantFrom(...hostileHeaders), fc.oneof(fc.string(), fc.json()))
      fc.assert(
        fc.property(
          fc.integer({ min: 100, max: 599 }),
          headers,
          bodies,
          fc.integer({ min: 1, max: 4 }),
          (status, given, body, count) => {
            const response = { status, headers: { ...given }, body }
            assertBounded(verdictOf(response, connector.limits.documented.eventsPerRequest === 1 ? 1 : count), count)
            connector.probeVerdict(response)
            connector.refresh?.read(response)
            connector.asyncOutcome?.read(response)
          }
        ),
        { numRuns: 300 }
      )
    })
  })

  describe(`the contract of ${connector.kind}: client`, () => {
    const play = <A>(answer: Answer, use: (client: ConnectorClient) => Effect.Effect<A>) =>
      Effect.flatMap(connectorClient(connector, context), use).pipe(Effect.provide(transportOf(fixture, answer)))

    it.effect("is connected where the probe is only refused for its missing events", () =>
      Effect.map(
        play(answers.probed, (client) => client.connect),
        (result) => {
          assert.strictEqual(result.status, "connected", JSON.stringify(result))
          assert.strictEqual(result.platform, connector.platform)
        }
      )
    )

    it.effect("distinguishes a wrong credential, a busy platform and no platform at all", () =>
      Effect.gen(function* () {
        const statusOf = (answer: Answer) =>
          Effect.map(
            play(answer, (client) => client.testConnection),
            ({ status }) => status
          )
        assert.strictEqual(yield* statusOf(answers.unauthorized), "error")
        assert.strictEqual(yield* statusOf(answers.throttled), "pending")
        assert.strictEqual(yield* statusOf(httpFailure("refused", "host")), "disconnected")
        assert.strictEqual(yield* statusOf({ status: 200, headers: {}, body: "<html>" }), "disconnected")
      })
    )

    it.effect("does not ask the platform where the connection lacks something", () =>
      Effect.gen(function* () {
        const bare = { ...context, connection: { ...context.connection, account: {} } }
        const client = yield* connectorClient(connector, bare).pipe(
          Effect.provide(transportOf(fixture, answers.probed))
        )
        const result = yield* client.connect
        assert.strictEqual(result.status, "error")
        assert.strictEqual(result.details["reason_code"], "missing_account_id")
      })
    )

    it.effect("sends events and answers as the specification says", () =>
      Effect.gen(function* () {
        const sent = yield* play(answers.accepted(1), (client) => client.sendEvents(events(1)))
        assert.deepInclude(sent, {
          success: true,
          events_received: 1,
          events_processed: 1,
          errors: [],
          platform: connector.platform
        })
        const failed = yield* play(httpFailure("timeout", "host"), (client) => client.sendEvents(events(1)))
        assert.deepInclude(failed, { success: false, events_received: 1, events_processed: 0 })
        assert.deepStrictEqual(
          failed.errors.map(({ code }) => code),
          ["http_timeout"]
        )
      })
    )
  })
}

type Answer = HttpResponseSpec | HttpFailure

const transportOf = (fixture: ContractFixture, answer: Answer): Layer.Layer<HttpTransport> => {
  const execute = (request: HttpRequestSpec): Effect.Effect<HttpResponseSpec, HttpFailure> => {
    const isRefresh = request.secretForm !== undefined && fixture.answers.token !== undefined
    const given = isRefresh ? fixture.answers.token! : answer
    return "code" in given ? Effect.fail(given) : Effect.succeed(given)
  }
  return Layer.succeed(HttpTransport, { execute, statistics: Effect.die("no pool here") })
}
