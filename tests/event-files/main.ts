/**
 * `make event-files`: how many source files a reader has to go through to follow one event, from its raw record to Meta's response. It
 * starts Kafka, the normalizer, the mapper and Meta's delivery, and counts the files of `shared/` and `processors/` of which a function
 * runs: for one purchase, and for the sample events. What the programs do meanwhile (heartbeats, metrics, logs) counts too; the
 * folders of other platforms do not. LIST=1 prints the files.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { pathToFileURL } from "node:url"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import { repository } from "../../infra/local/state.ts"
import { publishSamples } from "../../infra/samples/publish.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { connectorKinds } from "../../shared/model/platform.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { type Chain, startChain } from "../harness/chain.ts"
import { publish } from "../harness/records.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import { waitUntil } from "../harness/wait-until.ts"
import type { Take } from "./watch-functions.ts"

endWithLauncher()

/** Folders of `processors/`. */
const programs = ["normalizer", "mapper", "delivery"]
/** How long nothing must be written until all is delivered, and how long an idle program is watched. */
const stillMillis = 5_000

const main = Effect.gen(function* () {
  const folder = yield* scopedFolder("event-files-takes")
  const chain = yield* startChain({
    name: "event-files",
    prefix: "event-files.",
    sandbox: yield* startSandbox({}),
    connections: { file: path.join(repository, "examples/connections.yaml") },
    environment: {
      EVENT_FILES_FOLDER: folder,
      NODE_OPTIONS: `--import ${pathToFileURL(path.join(import.meta.dirname, "watch-functions.ts")).href}`,
      // V8 counts less precisely what comes from the cache.
      NODE_DISABLE_COMPILE_CACHE: "1"
    },
    programs: ["normalizer", "mapper", "delivery-meta"],
    onProgress: print
  })
  let takes = 0
  const take = Effect.promise(async () => {
    const number = takes++
    writeFileSync(path.join(folder, `take-${number}`), "")
    const files = programs.map((name) => path.join(folder, `${name}-${number}.json`))
    await waitUntil("the programs say what ran", () => files.every((file) => existsSync(file)), 30_000)
    return new Set(files.flatMap((file) => JSON.parse(readFileSync(file, "utf8")) as Take).filter(isOnTheWay))
  })

  yield* untilStill(chain)
  yield* take
  const before = yield* untilStill(chain)
  const idle = yield* take
  yield* Effect.promise(() => chain.run(publish(chain.prefix, [purchase])))
  const after = yield* untilStill(chain, before)
  const one = yield* take
  const samples = yield* Effect.promise(() => chain.run(publishSamples(chain.prefix)))
  yield* untilStill(chain, after)
  const many = yield* take

  const both = [...one].filter((file) => idle.has(file)).length
  print(`One purchase passes ${one.size} files, ${both} of which run without an event too.`)
  print(`${samples} sample events of every kind, valid and invalid, pass ${new Set([...one, ...many]).size}.`)
  if (process.env["LIST"] !== "1") return
  for (const file of [...new Set([...one, ...many])].sort())
    print(`${one.has(file) ? (idle.has(file) ? "idle  " : "one   ") : "others"} ${file}`)
})

const print = (line: string): void => void process.stdout.write(`${line}\n`)

const otherPlatforms = new RegExp(
  `^shared/connectors/(?:${connectorKinds.filter((kind) => kind !== "meta").join("|")})/`
)
const isOnTheWay = (file: string): boolean => !otherPlatforms.test(file)

/** A purchase with all that shops usually send. */
const purchase = {
  key: "jane@shop.example",
  value: Buffer.from(
    JSON.stringify({
      event_id: "order-1",
      event_name: "purchase",
      event_time: Date.now(),
      action_source: "website",
      event_source_url: "https://shop.example/thanks?order=1&fbclid=IwAR0abc",
      referrer_url: "https://shop.example/checkout",
      user: {
        ...{ email: "jane@shop.example", phone: "+14155550132", first_name: "Jane", last_name: "O'Neil" },
        ...{ city: "San Francisco", state: "CA", zip: "94107", country: "US" },
        ...{ date_of_birth: "1990-01-31", gender: "f", external_id: "customer-1" },
        ...{ fbp: "fb.1.1700000000000.1234567890", ip: "8.8.8.8", user_agent: "Mozilla/5.0 (X11; Linux x86_64)" }
      },
      consent: { ad_user_data: "granted", ad_personalization: "granted" },
      properties: {
        ...{ value: 59.9, currency: "USD", order_id: "1" },
        items: [{ id: "sku-1", name: "Shoes", price: 59.9, quantity: 1 }]
      }
    })
  )
}

/** Waits until nothing was written for a while, and something since `before`. */
const untilStill = (chain: Chain, before = -1): Effect.Effect<number> =>
  Effect.promise(async () => {
    let [written, since] = [-1, performance.now()]
    await waitUntil(
      "everything is delivered",
      async () => {
        const now = await chain.run(writtenRecords(chain.prefix))
        if (now !== written) [written, since] = [now, performance.now()]
        return now > before && performance.now() - since > stillMillis
      },
      120_000
    )
    return written
  })

/** Records and transaction markers of the topics that end an event's way. */
const writtenRecords = (prefix: string) =>
  KafkaClient.use((kafka) =>
    Effect.map(
      Effect.forEach([topicNames.results, topicNames.deadLetters], (topic) => kafka.topicOffsets(prefix + topic)),
      (topics) => topics.flat().reduce((sum, { high }) => sum + high, 0)
    )
  )

NodeRuntime.runMain(Effect.scoped(main))
