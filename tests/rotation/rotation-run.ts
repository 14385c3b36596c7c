/**
 * A run in which everything secret changes while events are published: Meta's token in a file, WhatsApp's in the credential store,
 * and the master key twice, with the store encrypted under each new one. Gives what was found wrong, a line each.
 */
import { randomBytes } from "node:crypto"
import { renameSync, writeFileSync } from "node:fs"
import path from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { keyIdOf, masterKeysOf } from "../../shared/credentials/master-key.ts"
import { deadLetterAad, makeSealer } from "../../shared/credentials/sealer.ts"
import { makeStore } from "../../shared/credentials/store.ts"
import { makeLoad } from "../chaos/load.ts"
import { type Chain, startChain } from "../harness/chain.ts"
import { readBack } from "../harness/records.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import { waitUntil } from "../harness/wait-until.ts"

const programs = ["normalizer", "mapper", "delivery-meta", "delivery-whatsapp"]
const newKey = () => randomBytes(32).toString("base64")

export const rotationRun = Effect.fnUntraced(function* (
  seconds: number,
  prefix: string,
  print: (line: string) => void
) {
  const folder = yield* scopedFolder("rotation")
  const files = {
    masterKey: path.join(folder, "master-key"),
    meta: path.join(folder, "meta-token"),
    store: path.join(folder, "credentials.json")
  }
  // As orchestrators do: a reader never sees half of a file.
  const write = (file: string, text: string) => {
    writeFileSync(`${file}.new`, text, { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }
  const keys = [newKey(), newKey(), newKey()]
  const [first, second, third] = keys as [string, string, string]
  write(files.masterKey, first)
  write(files.meta, "meta-token-1")
  // Which tokens the platforms take now: the sandboxes look at these lists at each request.
  const tokens = { meta: ["meta-token-1"], whatsapp: ["whatsapp-token-1"] }
  const sandbox = yield* startSandbox({
    meta: { tokens: tokens.meta },
    whatsapp: { tokens: tokens.whatsapp, pairWindowMillis: 0 }
  })
  const store = yield* makeStore(files.store, () => masterKeysOf(Redacted.make(first)))
  yield* store.set("whatsapp", Redacted.make("whatsapp-token-1"))
  const chain = yield* startChain({
    name: "rotation-programs",
    prefix,
    sandbox,
    connections: { text: connectionsText(files.meta) },
    environment: {
      CAPI_MASTER_KEY: `file:${files.masterKey}`,
      CAPI_SECRETS_EVERY: "1 second",
      CAPI_CREDENTIALS_FILE: files.store
    },
    programs,
    bundled: true,
    onProgress: print
  })
  const pids = programs.map((name) => chain.programs.pidOf(name))
  const load = makeLoad(prefix, 1, 80)
  const publishing = yield* Effect.forkScoped(Effect.provide(load.publish, chain.services))
  const found: Array<string> = []
  const step = (seconds * 1000) / 8
  const capi = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
    const { exitCode, out, errors } = yield* chain.capi(...args)
    if (exitCode !== 0) found.push(`./capi ${args.join(" ")} ends with ${exitCode}: ${out} ${errors}`)
    return out
  })
  const taken = (platform: string) => Effect.map(chain.control.counts, (counts) => counts[platform]?.distinct ?? 0)
  /** Waits until the platform takes more than it has. */
  const untilMore = Effect.fnUntraced(function* (platform: string, what: string) {
    const before = yield* taken(platform)
    yield* Effect.promise(() => waitUntil(what, async () => (await chain.run(taken(platform))) > before, 90_000)).pipe(
      Effect.catchCause(() => Effect.sync(() => void found.push(`Not reached: ${what}.`)))
    )
  })

  yield* Effect.sleep(step)
  for (const [current, previous] of [
    [second, first],
    [third, second]
  ] as const) {
    print(`The master key changes from ${idOf(previous)} to ${idOf(current)}.`)
    write(files.masterKey, `${previous}\n${current}`)
    yield* Effect.sleep(step / 2)
    write(files.masterKey, `${current}\n${keys.filter((key) => key !== current).join("\n")}`)
    print((yield* capi("credentials", "rekey")).trim())
    yield* untilSealedWith(chain, idOf(current), found)
    yield* Effect.sleep(step / 2)
  }
  print("Meta refuses the token that is in use.")
  tokens.meta.splice(0, 1, "meta-token-2")
  yield* Effect.sleep(step / 2)
  write(files.meta, "meta-token-2")
  yield* untilMore("meta", "Meta takes events with the new token")
  print("WhatsApp refuses the token that is in use.")
  tokens.whatsapp.splice(0, 1, "whatsapp-token-2")
  yield* Effect.sleep(step / 2)
  const present = yield* makeStore(files.store, () => masterKeysOf(Redacted.make(third)))
  yield* present.set("whatsapp", Redacted.make("whatsapp-token-2"))
  yield* untilMore("whatsapp", "WhatsApp takes messages with the new token")
  // The first key is not needed for anything that waits any more.
  write(files.masterKey, `${third}\n${second}`)
  yield* Effect.sleep(step)
  yield* Fiber.interrupt(publishing)

  print(`Published ${load.records()} records; waiting until all of them have an outcome.`)
  yield* Effect.promise(() =>
    waitUntil(
      "nothing is in flight",
      async () => (await Effect.runPromise(chain.capi("ledger"))).exitCode === 0 && (await inFlight(chain)) === 0,
      180_000
    )
  ).pipe(Effect.catchCause(() => Effect.sync(() => void found.push("Events are still in flight, or missing."))))
  for (const [index, name] of programs.entries())
    if (chain.programs.pidOf(name) !== pids[index] || chain.programs.hasEnded(name))
      found.push(`${name} was restarted.`)
  return [...found, ...(yield* auditOf(chain, load.acknowledged, keys, print))]
})

const idOf = (key: string): string => keyIdOf(Redacted.make(key))

/** The normalizer says on `sealing-keys` what it seals with. */
const untilSealedWith = (chain: Chain, keyId: string, found: Array<string>) =>
  Effect.promise(() =>
    waitUntil(
      `the normalizer seals with ${keyId}`,
      async () => (await chain.run(readBack(`${chain.prefix}sealing-keys`, "sealing-key"))).at(-1)?.key_id === keyId,
      60_000
    )
  ).pipe(Effect.catchCause(() => Effect.sync(() => void found.push(`The normalizer never sealed with ${keyId}.`))))

const inFlight = async (chain: Chain): Promise<number> => {
  const { out } = await Effect.runPromise(chain.capi("ledger", "--json"))
  const [first = "{}"] = out.trim().split("\n")
  const read = JSON.parse(first) as {
    readonly in_flight_raw?: number
    readonly connections?: ReadonlyArray<{ readonly in_flight: number }>
  }
  return (read.in_flight_raw ?? 1) + (read.connections ?? []).reduce((sum, one) => sum + one.in_flight, 0)
}

const auditOf = Effect.fnUntraced(function* (
  chain: Chain,
  acknowledged: ReadonlySet<string>,
  keys: ReadonlyArray<string>,
  print: (line: string) => void
) {
  const found: Array<string> = []
  const results = yield* Effect.promise(() =>
    chain.run(readBack(`${chain.prefix}delivery-results`, "event-delivery-log"))
  )
  const good = new Set(["delivered", "accepted", "skipped"])
  const outcomes = Map.groupBy(results, ({ outcome }) => outcome)
  const counts = [...outcomes].map(([outcome, all]) => `${all.length} ${outcome}`).join(", ")
  const bad = results.filter(({ outcome }) => !good.has(outcome))
  if (bad.length > 0)
    found.push(
      `${bad.length} results are ${[...new Set(bad.map(({ outcome, reason_code }) => `${outcome} (${reason_code})`))].join(", ")}.`
    )
  const withResult = new Set(results.map(({ event_id }) => event_id))
  const lost = [...acknowledged].filter((id) => !withResult.has(id))
  if (lost.length > 0) found.push(`${lost.length} events have no result, such as ${lost[0]}.`)
  const received = yield* chain.control.counts
  for (const platform of ["meta", "whatsapp"])
    if ((received[platform]?.duplicates ?? 0) > 0)
      found.push(`${platform} received ${received[platform]?.duplicates} events again.`)
  const deadLetters = yield* Effect.promise(() => chain.run(readBack(`${chain.prefix}dead-letters`, "dead-letter")))
  const sealer = makeSealer(Redacted.make(keys[2]!), [Redacted.make(keys[0]!), Redacted.make(keys[1]!)])
  const ids = new Set<string>()
  for (const one of deadLetters) {
    if (!one.sealed || one.original === null) continue
    ids.add(one.original.toString("hex", 1, 5))
    const aad = deadLetterAad("value", one.source_topic, one.source_partition, one.source_offset)
    if (Result.isFailure(sealer.open(one.original, aad)))
      found.push(`The dead letter of ${one.source_offset} does not open.`)
  }
  if (ids.size < 2) found.push(`Dead letters are sealed under ${ids.size} keys: the load had too few of them.`)
  print(`${counts}; ${deadLetters.length} dead letters, sealed under ${ids.size} keys, all of which open.`)
  return found
})

const connectionsText = (metaToken: string): string => `version: 1
connections:
  - id: shop
    platform: meta
    account: { dataset_id: "1234567890" }
    credential: "file:${metaToken}"
    endpoint: { host: "\${META_HOST}" }
    limits: { linger: 200 millis }
    resilience: { pause: { first_probe: 1 second, probe_max: 2 seconds } }
  - id: messages
    platform: whatsapp
    account: { phone_number_id: "106540352242922" }
    credential: store:whatsapp
    endpoint: { host: "\${WHATSAPP_HOST}" }
    events: { include: [purchase] }
    mapping: { templates: { purchase: { name: order_confirmation, language: en_US, body: ["{properties.order_id}"] } } }
    resilience: { pause: { first_probe: 1 second, probe_max: 2 seconds } }
`
