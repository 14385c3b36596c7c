/** Changes to processors, infrastructure and what they remember that a test must notice. */
import type { Mutant } from "./mutant.ts"

export const processorsMutants: ReadonlyArray<Mutant> = [
  {
    wrong: "Ids may hold the customer's full name.",
    file: "processors/normalizer/pii/personal-data.ts",
    from: "if (this.#containsFullName(text, scan) || this.#hasEncodedEmail(text, scan)) return true",
    to: "if (this.#hasEncodedEmail(text, scan)) return true",
    tests: ["processors/normalizer/pii/persons.test.ts"]
  },
  {
    wrong: "A phone number with a plus is found only where it is the customer's.",
    file: "processors/normalizer/pii/known-forms.ts",
    from: 'if (run.startsWith("+")) return isInternational(run, digits)',
    to: 'if (run.startsWith("+")) return false',
    tests: ["processors/normalizer/pii/persons.test.ts", "processors/normalizer/pii/known-forms.test.ts"]
  },
  {
    wrong: "Labels of a host keep the customer's name.",
    file: "processors/normalizer/normalize/url.ts",
    from: 'personal.inCode(label) ? "removed" : label',
    to: "label",
    tests: ["processors/normalizer/normalize/url.test.ts"]
  },
  {
    wrong: "Of several signals the last one counts, not the strictest.",
    file: "processors/normalizer/normalize/consent-signals.ts",
    from: "return order.find((value) => said.includes(value)) ?? null",
    to: "return said.findLast((value) => value !== null) ?? null",
    tests: ["processors/normalizer/normalize/consent-signals.test.ts"]
  },
  {
    wrong: "No repeat is found.",
    file: "processors/mapper/dedup/duplicate-filter.ts",
    from: "const found = this.ids.lookup(entry)",
    to: 'const found: string = "absent"',
    tests: ["processors/mapper/dedup/duplicate-filter.test.ts"]
  },
  {
    wrong: "The offset is left out of the comparison of raw records.",
    file: "shared/dedup/id-table.ts",
    from: "(held.place0 === place.place0 && held.place1 === place.place1) ||",
    to: "held.place1 === place.place1 ||",
    tests: ["processors/mapper/dedup/duplicate-filter.test.ts"]
  },
  {
    wrong: "Raw records are compared by their position alone, without their time.",
    file: "shared/dedup/deduplicator.ts",
    from: "    place0: (plain0 ^ mixed(low ^ high)) >>> 0,\n    place1: (plain1 ^ mixed(low + 0x9e37_79b9 + high)) >>> 0,\n",
    to: "    place0: plain0,\n    place1: plain1,\n",
    tests: ["processors/mapper/dedup/duplicate-filter.test.ts", "shared/dedup/deduplicator.test.ts"]
  },
  {
    wrong: "A replay is taken for a repeat: the raw position is not compared.",
    file: "shared/dedup/id-table.ts",
    from: 'if (isAtPlace({ place0: words[at + place0Word]!, place1: words[at + place1Word]! }, entry)) return "same_record"\n',
    to: "",
    tests: ["processors/mapper/mapper.kafka.test.ts"]
  },
  {
    wrong: "All ids of the oldest second are evicted at once.",
    file: "shared/dedup/id-table.ts",
    from: "rebuild(shard, shard.slots, oldest, last + 1 - times.indexOf(oldest))",
    to: "rebuild(shard, shard.slots, oldest + 1)",
    tests: ["shared/dedup/deduplicator.test.ts"]
  },
  {
    wrong: "The mapper restores no ids.",
    file: "processors/mapper/mapper.ts",
    from: "apply: (records) => restore(state.duplicates, records)",
    to: "apply: () => Effect.void",
    tests: ["processors/mapper/dedup/duplicate-filter.test.ts", "processors/mapper/mapper.kafka.test.ts"]
  },
  {
    wrong: "The changelog of ids is written to another partition than it is restored from.",
    file: "processors/mapper/dedup/duplicate-filter.ts",
    from: "value, partition: this.partition, headers }]",
    to: "value, partition: (this.partition + 1) % this.partitions, headers }]",
    tests: ["processors/mapper/mapper.kafka.test.ts"]
  },
  {
    wrong: "A partition decides on keys whose home is another one by now.",
    file: "processors/mapper/dedup/duplicate-filter.ts",
    from: "return this.partitions === 1 ? this.partition : partitionOfHash(keyHash, this.partitions)",
    to: "return this.partition",
    tests: ["processors/mapper/mapper.kafka.test.ts"]
  },
  {
    wrong: "The mapper does not look for refusals.",
    file: "processors/mapper/dedup/refusal-log.ts",
    from: "return this.refusals !== null && isRefused(this.refusals, at, now)",
    to: "return false",
    tests: ["tests/broker/repaired-event.kafka.test.ts"]
  },
  {
    wrong: "A partition sends what lies in it, though another one is by now the home of its key.",
    file: "processors/delivery/engine/processor.ts",
    from: "const home = record.key === null ? batch.partition : partitionOfKey(record.key, partitions)",
    to: "const home: number = batch.partition",
    tests: ["processors/delivery/engine/partitions.kafka.test.ts"]
  },
  {
    wrong: "The mapped topic's partition forgets what it handed to the delayed retries.",
    file: "processors/delivery/engine/send-intents.ts",
    from: 'if (outcome === "retry_scheduled") deferred.remember(eventId, at)',
    to: 'if (outcome === "never") deferred.remember(eventId, at)',
    tests: ["processors/delivery/engine/deferred.test.ts"]
  },
  {
    wrong: "The retry topic's partition restores what the mapped topic's is sending.",
    file: "processors/delivery/engine/send-intents.ts",
    from: '    if (state !== "settled" && isOfMapped && assigned.topic !== mappedTopic) return\n',
    to: "",
    tests: ["processors/delivery/engine/send-intents.test.ts"]
  },
  {
    wrong: "Health looks at results and circuits alone, not at events that no delivery reads.",
    file: "processors/health/aggregate.ts",
    from: "const unread = aggregate.unread()",
    to: "const unread: ReadonlyMap<string, UnreadEvents> = new Map()",
    tests: ["processors/health/health.test.ts"]
  },
  {
    wrong: "A key retains the record's text that it was cut from.",
    file: "processors/normalizer/decide.ts",
    from: 'return scratch.toString("utf8", 0, scratch.write(text))',
    to: "return text",
    tests: ["processors/normalizer/detach-string.test.ts"]
  },
  {
    wrong: "Topics keep the broker's default, by which one broker alone may acknowledge a record.",
    file: "infra/topics/declared-topics.ts",
    from: '        "min.insync.replicas": String(Math.max(1, replicationOf(brokers) - 1)),\n',
    to: "",
    tests: ["infra/topics/declared-topics.test.ts"]
  },
  {
    wrong: "A view may be as tall as the terminal: moving up ends at its first row.",
    file: "infra/demo/view.ts",
    from: "lines.slice(0, Math.max(1, size.rows - 1))",
    to: "lines.slice(0, size.rows + 2)",
    tests: ["infra/demo/view.test.ts"]
  },
  {
    wrong: "The chaos suite's processes do not learn by how much their clock jumps.",
    file: "tests/chaos/clock-jump.ts",
    from: '  offsetMillis = Number(readFileSync(process.env["CHAOS_CLOCK_FILE"] ?? "", "utf8"))\n',
    to: "",
    tests: ["tests/chaos/clock-jump.test.ts"]
  },
  {
    wrong: "Invalid events count against their connection.",
    file: "shared/model/delivery-result.ts",
    from: '  error_class !== "invalid_event" &&\n',
    to: "",
    tests: ["processors/health/window.test.ts"]
  },
  {
    wrong: "A sum of the window is kept although one of its buckets left it.",
    file: "processors/health/window.ts",
    from: "until = Math.min(until, bucket.number + bucketsMax)",
    to: "until = Math.min(until, bucket.number + 2 * bucketsMax)",
    tests: ["processors/health/window.test.ts"]
  },
  {
    wrong: "A half open circuit ends the alert of the open one.",
    file: "processors/health/alerts.ts",
    from: "const isKept = isHeldBack || isTried(assessment, before.status)",
    to: "const isKept = isHeldBack",
    tests: ["processors/health/health.test.ts"]
  },
  {
    wrong: "The history rewrites minutes of which it has not counted all results.",
    file: "processors/health/history.ts",
    from: "Math.max(Math.ceil(wholeSince / minuteMillis), last - minutesKept + 1)",
    to: "last - minutesKept + 1",
    tests: ["processors/health/history.test.ts"]
  },
  {
    wrong: "A replay's events are not counted again.",
    file: "processors/health/backlog-watch.ts",
    from: "known === undefined || position < known.backlog.from",
    to: "known === undefined",
    tests: ["processors/health/backlog-watch.test.ts"]
  },
  {
    wrong: "What a receiver took is forgotten when its partition is opened again.",
    file: "processors/notifier/notifier.ts",
    from: "for (const [receiverId, key, receipt] of taken.values()) state.remember(receiverId, key, receipt)",
    to: "",
    tests: ["processors/notifier/notifier.test.ts"]
  },
  {
    wrong: "A Retry-After is not respected.",
    file: "processors/notifier/dispatcher.ts",
    from: "if (waitMillis > 0) health.notBefore = now.elapsed + waitMillis",
    to: "group.nextAttemptAt = now + jittered",
    tests: ["processors/notifier/notifier.test.ts"]
  },
  {
    wrong: "A problem that is no longer of a receiver's severity does not end there.",
    file: "processors/notifier/state.ts",
    from: 'if (route !== null) found.push({ problem, route, kind: "ended", receipt })',
    to: 'if (route !== null && problem.severity === null) found.push({ problem, route, kind: "ended", receipt })',
    tests: ["processors/notifier/state.test.ts"]
  },
  {
    wrong: "A record that ended its process is taken for one that was never sent.",
    file: "processors/delivery/engine/processor.ts",
    from: "const { sent, mark } = intents?.unread(String(record.key), now) ?? { sent: null, mark: [] }",
    to: "const { sent, mark } = { sent: null, mark: [] }",
    tests: ["processors/delivery/engine/poisoned.test.ts"]
  }
]
