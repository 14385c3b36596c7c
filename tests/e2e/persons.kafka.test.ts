/** 200 persons in every field of raw events, through the whole chain: no byte that it writes holds one of them. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import path from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { freePort } from "../../infra/local/ports.ts"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { expandPlatforms } from "../../shared/codec/schemas.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { connectorKinds } from "../../shared/model/platform.ts"
import { bare, eventOf, kinds, type Person, personOf, spellingOf, tracesOf } from "../../shared/testing/persons.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { type WebhookRecorder, webhookRecorder } from "../harness/webhook-recorder.ts"
import { consoleTexts, liveView } from "./console-texts.ts"
import { type EndToEnd, encoder, produce, rawRecords, received, startEndToEnd, untilSettled } from "./end-to-end.ts"

const persons = Array.from({ length: 200 }, (_, index) => personOf(index))
/** Each trace once, with its person. */
const traces = new Map(persons.flatMap((person) => tracesOf(person).map((trace) => [trace, person] as const)))

const phoneTraces = new Set(persons.map(({ country, phone }) => `${country} ${phone.nationalNumber}`))

describe("what is written of 200 persons", { timeout: 300_000 }, () => {
  const scope = Scope.makeUnsafe()
  let endToEnd: EndToEnd
  let collector: WebhookRecorder
  let indexFolder: string
  let live: ReturnType<typeof liveView>
  const now = Date.now() - 60_000
  const eventsOf = (from: number, to: number) =>
    persons.slice(from, to).map((person, index) => eventOf(person, kinds[(from + index) % kinds.length]!, now))

  beforeAll(async () => {
    const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))
    const start = Effect.gen(function* () {
      indexFolder = yield* scopedFolder("e2e-index")
      collector = yield* webhookRecorder()
      const indexerPort = String(yield* freePort)
      const more = {
        CAPI_INDEXER_FILE: path.join(indexFolder, "index.sqlite"),
        CAPI_INDEXER_PORT: indexerPort,
        CAPI_INDEXER_URL: `http://127.0.0.1:${indexerPort}`,
        CAPI_CONSOLE_PORT: String(yield* freePort),
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_TRACES_SAMPLER_ARG: "1",
        OTEL_LOGS_EXPORTER: "otlp",
        OTEL_METRICS_EXPORTER: "otlp",
        OTEL_METRIC_EXPORT_INTERVAL: "5000"
      }
      endToEnd = yield* startEndToEnd(more)
    })
    await Effect.runPromise(start.pipe(Effect.provide(env), Scope.provide(scope)))
    live = liveView(consoleUrl(endToEnd))
    const encode = encoder(endToEnd)
    // What Avro takes beside JSON, keyed by the address as some producers do.
    const good = eventsOf(0, persons.length).map((event, index) => ({
      key: persons[index]!.email,
      value: index % 3 === 0 ? encode(avroOf(event)) : json(event)
    }))
    const bad = persons.slice(0, 40).map((person, index) => {
      const kind = kinds[index % kinds.length]!
      const id = spellingOf(person, kind === "national" ? "phone" : kind)
      const event = eventOf(person, kind, now)
      const refused = [
        { ...event, event_id: id },
        { ...event, event_name: id },
        { ...event, event_id: id, event_time: null }
      ]
      return { key: id, value: json(refused[index % refused.length]!) }
    })
    await produce(endToEnd, [...good, ...bad])
    await untilSettled(endToEnd, now - 3_600_000, good.length + bad.length)
  }, 420_000)
  afterAll(() => {
    live.close()
    return Effect.runPromise(Scope.close(scope, Exit.void))
  }, 60_000)

  it("names none of them on a later topic, in a key or in a header", async () => {
    const topics = topicTable.topics.flatMap(({ name }) => expandPlatforms(name))
    let deadLetters = 0
    for (const topic of topics) {
      const records = await rawRecords(endToEnd, topic)
      if (topic === "dead-letters") deadLetters = records.length
      const found = records.flatMap(({ key, value, headers }) =>
        tracesIn(`${text(key)}\n${text(value)}\n${JSON.stringify(headers)}`)
      )
      if (topic === "raw-events") assert.isAbove(new Set(found).size, 400)
      else assert.deepStrictEqual([topic, ...new Set(found)].slice(0, 5), [topic])
    }
    assert.isAtLeast(deadLetters, 40)
  })

  it("names none of them to a platform", async () => {
    let bodies = 0
    for (const platform of connectorKinds) {
      const receipts = await received(endToEnd, platform)
      bodies += receipts.length
      const found = tracesIn(JSON.stringify(receipts.map(({ body }) => body)))
      // A message goes to a number that is not hashed.
      const numbers = connectorFor(platform).sealedRecipients === true ? phoneTraces : new Set<string>()
      const others = found.filter((one) => !numbers.has(one))
      assert.deepStrictEqual([platform, ...others].slice(0, 5), [platform])
    }
    assert.isAbove(bodies, 5)
  })

  it("names none of them in a log, a metric or a file of state", async () => {
    assert.deepStrictEqual(tracesIn(endToEnd.programs.logs()).slice(0, 5), [])
    const metrics = await Effect.runPromise(endToEnd.programs.metrics)
    assert.include(metrics, 'reason="personal_data"')
    assert.deepStrictEqual(tracesIn(metrics).slice(0, 5), [])
    // The index among them, which was asked for each person's records.
    assert.isAbove(filesIn(indexFolder).length, 0)
    for (const file of [...filesIn(endToEnd.folder), ...filesIn(indexFolder)])
      assert.deepStrictEqual([file, ...tracesIn(text(readFileSync(file)))].slice(0, 5), [file])
  })

  it("shows none of them by the command line", async () => {
    const file = path.join(temporaryFolder(), "events.jsonl")
    writeFileSync(
      file,
      eventsOf(0, 16)
        .map((event) => `${JSON.stringify(event)}\n`)
        .join("")
    )
    const commands = [
      ...["raw-events", "normalized-events", "dead-letters", "delivery-results"].map((topic) => ["tail", topic]),
      ...[["results"], ["dead-letters", "list"], ["prepare", file, "--platform", "meta"], ["explain", file]],
      ["trace", String(eventsOf(2, 3)[0]!["event_id"]), "--records"]
    ]
    for (const [name, ...args] of commands) {
      const last = name === "tail" ? ["--last", "300"] : []
      const { out, errors } = await Effect.runPromise(endToEnd.capi(name!, ...args, ...last))
      assert.isAbove(out.length, 1_000, `${name} ${args.join(" ")}: ${errors}`)
      assert.deepStrictEqual([name, ...args, ...tracesIn(out + errors)].slice(0, 5), [name, ...args].slice(0, 5))
    }
  })

  it("shows none of them in the console", async () => {
    const shown = eventsOf(0, 16)
    const texts = await consoleTexts(consoleUrl(endToEnd), {
      eventIds: shown.slice(0, 3).map((event) => String(event["event_id"])),
      pasted: shown
    })
    assert.isAbove(texts.length, 60)
    assert.include(texts.join(""), '"indexed":true')
    assert.deepStrictEqual(tracesIn(texts.join("\n")).slice(0, 5), [])
    assert.isAbove(live.text().length, 1_000)
    assert.deepStrictEqual(tracesIn(live.text()).slice(0, 5), [])
  })

  it("exports none of them in a span, a log line or a metric", async () => {
    const signals = ["/v1/traces", "/v1/logs", "/v1/metrics"]
    const isIn = (path: string): boolean => collector.requests.some((request) => request.path === path)
    await waitUntil("spans, log lines and metrics are exported", () => signals.every(isIn))
    const texts = new Set<string>()
    for (const { text: body } of collector.requests) collectTexts(JSON.parse(body), texts)
    assert.isAbove(texts.size, 500)
    assert.deepStrictEqual(tracesIn([...texts].join("\n")).slice(0, 5), [])
  })
})

const consoleUrl = ({ environment }: EndToEnd): string => `http://127.0.0.1:${environment["CAPI_CONSOLE_PORT"]}`

/** Every text of a JSON value, names included. */
const collectTexts = (value: unknown, into: Set<string>): void => {
  if (typeof value === "string") into.add(value)
  if (typeof value !== "object" || value === null) return
  for (const [name, item] of Object.entries(value)) {
    into.add(name)
    collectTexts(item, into)
  }
}

const json = (event: object): Buffer => Buffer.from(JSON.stringify(event))

/** Avro has no absent fields, and only flat free properties. */
const avroOf = (event: Readonly<Record<string, unknown>>): unknown => {
  const properties = event["properties"] as { readonly custom: Readonly<Record<string, unknown>> }
  const custom = Object.fromEntries(
    Object.entries(properties.custom).map(([name, value]) => [
      name,
      typeof value === "object" ? JSON.stringify(value) : value
    ])
  )
  return { ...event, properties: { ...properties, custom } }
}

const text = (bytes: Buffer | null): string => bytes?.toString("utf8") ?? ""

/** Traces of any person in a text, and in it with its escapes decoded. */
const tracesIn = (written: string): ReadonlyArray<string> => {
  const views = [...new Set([written, decode(written), decode(decode(written))])].map(bare)
  return [...traces].flatMap(([trace, person]: readonly [string, Person]) =>
    views.some((view) => view.includes(trace)) ? [`${person.country} ${trace}`] : []
  )
}

/** Broken escapes stay. */
const decode = (written: string): string => {
  try {
    return written.includes("%")
      ? written.replace(/(?:%[0-9a-f]{2})+/gi, (escaped) => decodeURIComponent(escaped))
      : written
  } catch {
    return written
  }
}

/** Files of the run beside the broker's log, which the topics are. */
const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => path.join(folder, name))
    .filter((file) => !/kafka|broker|registry/.test(path.relative(folder, file)) && statSync(file).isFile())
