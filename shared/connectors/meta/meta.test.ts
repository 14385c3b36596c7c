import { createHmac } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import { contextOf, json, mappedEvent, secretValue } from "../../testing/connector-fixture.ts"
import { probeVerdict, request, usageOf, verdict } from "./exchange.ts"

const context = contextOf("meta", ["access_token"])
const events = [mappedEvent(0), mappedEvent(1)]
const failure = (status: number, error: Record<string, string | number | boolean>) =>
  json(status, { error: { type: "OAuthException", fbtrace_id: "Trace1", ...error } })

describe("Meta's request", () => {
  it("has the documented address and envelope, with the token in the header", () => {
    const spec = request(events, {
      ...context,
      connection: { ...context.connection, testEventCode: "TEST1", partnerName: "relay1.0" }
    })
    assert.strictEqual(spec.url, "https://platform.example/v9/1000000000/events")
    assert.strictEqual(
      spec.body,
      `{"data":[${events[0]!.payload},${events[1]!.payload}],"test_event_code":"TEST1","partner_agent":"relay1.0"}`
    )
    assert.strictEqual(Redacted.value(spec.secretHeaders["authorization"]!), `Bearer ${secretValue("access_token")}`)
    assert.deepStrictEqual(spec.secretParams, {})
  })

  it("has nothing beside the data where nothing is set", () => {
    assert.strictEqual(request([events[0]!], context).body, `{"data":[${events[0]!.payload}]}`)
  })

  it("proves the app's secret where there is one", () => {
    const spec = request(events, contextOf("meta", ["access_token", "app_secret"]))
    const proof = createHmac("sha256", secretValue("app_secret")).update(secretValue("access_token")).digest("hex")
    assert.strictEqual(Redacted.value(spec.secretParams["appsecret_proof"]!), proof)
  })
})

describe("Meta's verdict", () => {
  it("says how many events Meta received, its trace id and its messages", () => {
    const answer = verdict(
      json(200, { events_received: 2, messages: ["Deprecated field."], fbtrace_id: "Trace1" }),
      events
    )
    assert.deepInclude(answer, { _tag: "All", requestId: "Trace1", eventsReceived: 2, warnings: ["Deprecated field."] })
  })

  it("warns where Meta received fewer than were sent, and does not believe a success without any", () => {
    const short = verdict(json(200, { events_received: 1 }), events)
    assert.deepInclude(short, { eventsReceived: 1, warnings: ["Meta received 1 of 2 events."] })
    assert.strictEqual(short._tag === "All" && short.verdict.errorClass, "delivered")
    const none = verdict(json(200, { events_received: 0 }), events)
    assert.strictEqual(none._tag === "All" && none.verdict.errorClass, "unknown")
    assert.strictEqual(probeVerdict(json(200, { events_received: 0 })).errorClass, "delivered")
  })

  it("warns that Meta upgraded the version of the call", () => {
    const answer = verdict(
      json(200, { events_received: 2 }, { "x-ad-api-version-warning": "Upgraded to v26.0." }),
      events
    )
    assert.deepStrictEqual(answer.warnings, ["Upgraded to v26.0."])
  })

  it("keeps code, subcode, the message for people and the trace id", () => {
    const answer = verdict(
      failure(400, { code: 100, error_subcode: 2804003, message: "Invalid parameter", error_user_msg: "Too old." }),
      events
    )
    assert.strictEqual(answer._tag, "SomeInvalid")
    if (answer._tag !== "SomeInvalid") return
    assert.strictEqual(answer.requestId, "Trace1")
    assert.deepInclude(answer.verdict, {
      errorClass: "invalid_event",
      reasonCode: "event_too_old:100/2804003",
      message: "Too old."
    })
    assert.isDefined(answer.verdict.nextStep)
  })

  const invalid = (text: string, place: "error_user_msg" | "message" = "error_user_msg") =>
    verdict(
      failure(400, {
        code: 100,
        error_subcode: 2804019,
        is_transient: false,
        message: "Invalid parameter",
        [place]: text
      }),
      [mappedEvent(0), mappedEvent(1), mappedEvent(2)]
    )
  const named = (answer: ReturnType<typeof verdict>) =>
    answer._tag === "InvalidEvents" ? [...answer.invalidEvents.keys()] : answer._tag

  it("refuses the elements alone that its message names, in any of their spellings", () => {
    const texts: ReadonlyArray<readonly [string, Array<number>]> = [
      ["The parameter $['data'][1]['custom_data']['contents'] must be an array.", [1]],
      ['The parameter $["data"][0]["user_data"]["em"][2] is not valid.', [0]],
      ["$['data'][0]['event_time'] and $['data'][2]['event_time'] must be integers.", [0, 2]],
      ["(#100) param data[2][event_name] must be non-empty.", [2]],
      ["$.data[1].custom_data.value must be a number.", [1]]
    ]
    for (const [text, indexes] of texts) {
      assert.deepStrictEqual(named(invalid(text)), indexes, text)
      assert.deepStrictEqual(named(invalid(text, "message")), indexes, text)
    }
    const answer = invalid(texts[0]![0])
    const invalidEvent = answer._tag === "InvalidEvents" ? answer.invalidEvents.get(1) : undefined
    assert.deepInclude(invalidEvent ?? {}, {
      errorClass: "invalid_event",
      reasonCode: "event_not_accepted:100/2804019"
    })
  })

  it("leaves to bisection what names no element of the request", () => {
    for (const text of [
      "The parameter $['data'][3]['custom_data'] must be an object.",
      "The parameter custom_data[1] must be an object.",
      "The parameter $['user_data'][1]['em'] is not valid.",
      "The parameter $['data'] must be an array.",
      "1"
    ])
      assert.strictEqual(named(invalid(text)), "SomeInvalid", text)
  })

  it("retries where the dataset is not ready yet", () => {
    const answer = verdict(
      failure(400, { code: 21009, message: "(#21009) The data set upload is temporarily not ready." }),
      events
    )
    assert.strictEqual(answer._tag === "All" && answer.verdict.errorClass, "transient")
  })

  it("hides the token that Meta echoes", () => {
    const answer = verdict(
      failure(401, { code: 190, message: "Malformed access token EAAG0PX4ZCpsBAKZCvAbc123" }),
      events
    )
    assert.strictEqual(answer._tag === "All" && answer.verdict.message, "Malformed access token <token>")
  })

  it("waits an hour for a policy block, as long as nothing else is said", () => {
    const answer = verdict(failure(400, { code: 368, message: "Temporarily blocked" }), events)
    assert.strictEqual(Duration.toHours(answer.retryAfter ?? Duration.zero), 1)
    assert.isUndefined(answer._tag === "All" ? answer.verdict.retryAfter : null)
  })

  it("believes is_transient before the code of an invalid parameter", () => {
    const answer = verdict(failure(400, { code: 100, is_transient: true, message: "Try again" }), events)
    assert.strictEqual(answer._tag === "All" && answer.verdict.errorClass, "transient")
  })

  it("blames no event where the proof of the app's secret is wrong or missing, nor finds that in order", () => {
    for (const message of [
      "Invalid appsecret_proof provided in the API argument",
      "API calls from the server require an appsecret_proof argument"
    ]) {
      const refused = failure(400, { type: "GraphMethodException", code: 100, message })
      const answer = verdict(refused, events)
      assert.strictEqual(answer._tag === "All" ? answer.verdict.errorClass : answer._tag, "configuration")
      assert.strictEqual(probeVerdict(refused).errorClass, "configuration")
    }
  })

  it("finds a dataset that does not exist at the probe", () => {
    assert.strictEqual(
      probeVerdict(failure(400, { code: 100, error_subcode: 33, message: "Unsupported" })).errorClass,
      "configuration"
    )
    assert.strictEqual(
      probeVerdict(failure(400, { code: 100, message: "data must be non-empty" })).errorClass,
      "delivered"
    )
  })
})

describe("Meta's usage headers", () => {
  it("give the highest percentage and the longest wait", () => {
    const usage = usageOf({
      "x-app-usage": '{"call_count":28,"total_cputime":25,"total_time":25}',
      "x-business-use-case-usage":
        '{"1":[{"type":"ads_management","call_count":95,"total_cputime":20,"total_time":20,"estimated_time_to_regain_access":0}],"2":[{"type":"ads_insights","call_count":1,"estimated_time_to_regain_access":19}]}',
      "x-ad-account-usage": '{"acc_id_util_pct":9.67,"reset_time_duration":100}'
    })
    assert.strictEqual(usage.percent, 95)
    assert.strictEqual(Duration.toMinutes(usage.retryAfter ?? Duration.zero), 19)
  })

  it("give the account's reset time once it is full", () => {
    const usage = usageOf({ "x-ad-account-usage": '{"acc_id_util_pct":100,"reset_time_duration":90}' })
    assert.strictEqual(usage.percent, 100)
    assert.strictEqual(Duration.toSeconds(usage.retryAfter ?? Duration.zero), 90)
  })

  it("say nothing where they are absent or broken", () => {
    for (const header of ["", "{", "[]", "null", '{"call_count":"x"}', '{"1":[null,3]}']) {
      const usage = usageOf({
        "x-app-usage": header,
        "x-business-use-case-usage": header,
        "x-ad-account-usage": header
      })
      assert.deepStrictEqual(usage, { percent: null, retryAfter: null }, header)
    }
  })

  it("reach the verdict, also of a success", () => {
    const answer = verdict(json(200, { events_received: 2 }, { "x-app-usage": '{"call_count":80}' }), events)
    assert.strictEqual(answer.usagePercent, 80)
  })
})
