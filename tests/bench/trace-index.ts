/** The index of `make bench-trace`: filled without a log, and alone: what entries cost, and how long the search for one event's takes. */
import { mkdtempSync, rmSync, statSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { type IndexEntry, IndexStore } from "../../processors/indexer/index-store.ts"
import { makeTermHasher, type TermHasher } from "../../processors/indexer/terms.ts"
import { makeIdentityKey } from "../../shared/credentials/identity-key.ts"
import { type QueryKind, queryKinds } from "../../shared/event-story/story.ts"
import { progress } from "./cluster.ts"
import { cpuMicros, type Figure } from "./report.ts"

const batchEvents = 4_000
const searches = 1_000

export interface Filled {
  readonly store: IndexStore
  readonly hasher: TermHasher
  /** Events by their number: from `first` to before `end`. */
  readonly first: number
  readonly end: number
  /** Topics with a record of each event, which is found by its id; in the first one by the order id and a click id too. */
  readonly topics: ReadonlyArray<string>
  readonly textOf: (kind: QueryKind, index: number) => string
}

/** Writes the entries of events, as the indexer does. */
export const fillIndex = ({ store, hasher, first: begin, end, topics, textOf }: Filled): void => {
  const at = Date.now()
  for (let first = begin; first < end; first += batchEvents) {
    const indexes = Array.from({ length: Math.min(batchEvents, end - first) }, (_, one) => first + one)
    const entries: Array<IndexEntry> = []
    for (const topic of topics)
      for (const kind of topic === topics[0] ? queryKinds : (["event"] as const)) {
        const terms = hasher.termsOf(
          kind,
          indexes.map((index) => textOf(kind, index))
        )
        for (const [one, index] of indexes.entries())
          entries.push({ term: terms[one]!, topic, partition: index % 4, offset: index, at })
      }
    store.add(entries, [])
    while (store.merge());
    if ((first - begin) % 1_000_000 === 0) progress(`${first} of ${end} events are in the index.`)
  }
}

/** @param positions records of an event */
export const measureIndex = (
  events: number,
  positions: number,
  textOf: (kind: QueryKind, index: number) => string
): ReadonlyArray<Figure> => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "capi-index-"))
  const file = path.join(folder, "index.sqlite")
  const hasher = makeTermHasher(makeIdentityKey(Buffer.alloc(32, 1)))
  const store = new IndexStore({ file, owner: "bench", retentionMillis: 7 * 86_400_000 })
  const topics = Array.from({ length: positions }, (_, topic) => `topic-${topic}`)
  const micros = cpuMicros(events, () => fillIndex({ store, hasher, first: 0, end: events, topics, textOf }))
  const millis = Array.from({ length: searches }, (_, one) => {
    const index = Math.floor(((one * 0.618_034) % 1) * events)
    const begun = performance.now()
    const found = store.find(hasher.termsOf("event", [textOf("event", index)])[0]!)
    if (found.length < positions) throw new Error(`The index has ${found.length} records of event ${index}.`)
    return performance.now() - begun
  }).sort((left, right) => left - right)
  const { entries, runs } = store.size()
  store.close()
  const bytes = statSync(file).size
  rmSync(folder, { recursive: true })
  return [
    { figure: "entries", value: entries, unit: "entries" },
    { figure: "sorted runs", value: runs, unit: "runs" },
    { figure: "an event's entries, hashing and merging included", value: micros, unit: "us CPU" },
    { figure: "search for an event's records, p50", value: millis[searches / 2]!, unit: "ms" },
    { figure: "search for an event's records, p95", value: millis[0.95 * searches]!, unit: "ms" },
    { figure: "file", value: bytes / events, unit: "bytes an event" }
  ]
}
