/**
 * `make bench-dedup`: memory for each id, rate of checks, rates of restore and a mapper's start with ten million ids in one
 * process.
 */

import process from "node:process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { checksum, Deduplicator, entryOf, packEntries } from "../../shared/dedup/deduplicator.ts"
import type { Entry, Lookup } from "../../shared/dedup/id-table.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { restoreFromKafka } from "./dedup-restore.ts"
import { measureStarts } from "./dedup-start.ts"
import { cpuMicros, report } from "./report.ts"

endWithLauncher()

const ids = Number(process.env["IDS"] ?? 10_000_000)
const batch = 1_000
// The mapper that is started here restores what lies within its window.
const now = Date.now()
const options = { window: Duration.hours(24), idsMax: ids * 2 }
const entryAt = (index: number) =>
  entryOf(
    {
      eventId: `event-${index}`,
      partition: index % 4,
      offset: index,
      timestamp: now,
      content: checksum(`content-${index}`)
    },
    now
  )

const packed: Array<Buffer> = []
for (let from = 0; from < ids; from += batch) {
  packed.push(packEntries(Array.from({ length: Math.min(batch, ids - from) }, (_, index) => entryAt(from + index))))
}

const restored = new Deduplicator(options)
const heapBefore = process.memoryUsage().rss
const startedAt = process.hrtime.bigint()
for (const record of packed) restored.restore(record, now)
const restoreSeconds = Number(process.hrtime.bigint() - startedAt) / 1e9

/** As the mapper does for each event. */
const lookupOrRemember = (entry: Entry): Lookup => {
  const found = restored.lookup(entry)
  if (found === "absent") restored.remember(entry)
  return found
}

const checks = Math.min(1_000_000, ids)
const checkMicros = cpuMicros(checks, () => {
  for (let index = 0; index < checks; index++) lookupOrRemember(entryAt(ids + index))
})
let caught = 0
for (let index = 0; index < checks; index++) {
  if (
    lookupOrRemember(
      entryOf(
        {
          eventId: `event-${index}`,
          partition: 9,
          offset: index,
          timestamp: now,
          content: checksum(`content-${index}`)
        },
        now
      )
    ) === "duplicate"
  )
    caught++
}

const { statistics } = restored
const residentMiB = (process.memoryUsage().rss - heapBefore) / 2 ** 20
const fromKafka = await Effect.runPromise(restoreFromKafka(packed, options, now))
const starts = await Effect.runPromise(measureStarts(packed, ids))
const reached = report(
  "dedup",
  [
    { figure: "ids held", value: statistics.ids, unit: "ids", goal: { atLeast: ids } },
    { figure: "memory for each id", value: statistics.bytes / statistics.ids, unit: "bytes", goal: { atMost: 40 } },
    { figure: "restore from memory", value: ids / restoreSeconds, unit: "ids/s" },
    { figure: "ids restored from Kafka", value: fromKafka.ids, unit: "ids", goal: { atLeast: ids } },
    { figure: "restore from Kafka", value: fromKafka.idsPerSecond, unit: "ids/s", goal: { atLeast: 500_000 } },
    { figure: "restore from Kafka, of CPU time", value: fromKafka.idsPerCpuSecond, unit: "ids/s CPU" },
    { figure: "start of a mapper without ids", value: starts.empty.seconds, unit: "s" },
    { figure: `start of a mapper with ${ids} ids`, value: starts.full.seconds, unit: "s" },
    { figure: `peak memory of a mapper with ${ids} ids`, value: starts.full.peakMebibytes, unit: "MiB" },
    { figure: "check of a new id, hashing included", value: checkMicros, unit: "us CPU" },
    { figure: "duplicates caught", value: (100 * caught) / checks, unit: "%", goal: { atLeast: 100 } },
    { figure: "resident growth over the tables", value: residentMiB, unit: "MiB" }
  ],
  { ids, window: "24 hours" }
)
// The client's connections would hold the process for a while.
process.exit(reached ? 0 : 1)
