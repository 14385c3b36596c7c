/** Changes to the ledger that a test must notice. */
import type { Mutant } from "./mutant.ts"

export const ledgerMutants: ReadonlyArray<Mutant> = [
  {
    wrong: "Every connection of the file owes every event an outcome.",
    file: "shared/ledger/ledger.ts",
    from: "    if (isKnown) return false\n",
    to: '    if (isKnown) return this.stateOf(connectionId) === "enabled"\n',
    tests: ["shared/ledger/ledger.test.ts", "infra/cli/connections.kafka.test.ts"]
  },
  {
    wrong: "The ledger asks only the connections of the file.",
    file: "shared/ledger/ledger.ts",
    from: "return new Set([...enabled, ...this.decided.known.keys(), ...this.traced])",
    to: "return new Set(this.connections.keys())",
    tests: ["shared/ledger/ledger.test.ts", "infra/cli/connections.kafka.test.ts"]
  },
  {
    wrong: "The ledger leaves out what the normalizer's committed offset says.",
    file: "shared/ledger/ledger.ts",
    from: "!isNormalized(event) && !event.deadLettered && !event.erased && isPassed(event.source, this.committed.normalizer)",
    to: "false",
    tests: ["infra/cli/ledger.kafka.test.ts"]
  },
  {
    wrong: "The continuous check leaves out what was lost before normalizing.",
    file: "shared/ledger/ledger.ts",
    from: "} else if (this.isLostRaw(event)) found.push({ source, eventId, connectionId: null, lostRetry: false })",
    to: "}",
    tests: ["processors/health/ledger-watch.test.ts"]
  },
  {
    wrong: "An event that was put off waits for ever, whatever became of its delayed retry.",
    file: "shared/ledger/ledger.ts",
    from: 'if (delivery.mapped || delivery.retryScheduled) return "lost"',
    to: 'if (delivery.retryScheduled) return "in_flight"\n      if (delivery.mapped) return "lost"',
    tests: ["shared/ledger/ledger.test.ts", "infra/cli/ledger.kafka.test.ts"]
  },
  {
    wrong: "A record's position alone decides which event it belongs to.",
    file: "shared/ledger/ledger.ts",
    from: "return isSame ? event : undefined",
    to: "return event",
    tests: ["shared/ledger/ledger.test.ts", "infra/cli/ledger.kafka.test.ts"]
  },
  {
    wrong: "Only a normalized record proves that a raw one was normalized.",
    file: "shared/ledger/event-state.ts",
    from: "normalizedAt.length > 0 || deliveries.length > 0",
    to: "normalizedAt.length > 0",
    tests: ["shared/ledger/ledger.test.ts"]
  },
  {
    wrong: "Each topic is read to the end that it has when it is read.",
    file: "shared/ledger/topic-follower.ts",
    from: "      // Behind the end: the topic was created again.\n",
    to: "      yield* mark\n",
    tests: ["shared/ledger/read-ledger.test.ts"]
  },
  {
    wrong: "Every topic is read from the same time on.",
    file: "shared/ledger/read-ledger.ts",
    from: "const since = Math.max(0, from - clockSkewMillis)",
    to: "const since = from",
    tests: ["shared/ledger/read-ledger.test.ts"]
  },
  {
    wrong: "Raw records count for as long as they happen to be in the log.",
    file: "shared/ledger/read-ledger.ts",
    from: "const from = Math.max(range.from, (yield* Clock.currentTimeMillis) - keptMillis(eventLog))",
    to: "const from = range.from",
    tests: ["shared/ledger/read-ledger.test.ts"]
  },
  {
    wrong: "A normalized event without a raw record is not reported.",
    file: "shared/ledger/read-ledger.ts",
    from: "if (!ledger.normalized(source, event_id, placeOf(record))) unknownRaw(source, event_id)",
    to: "ledger.normalized(source, event_id, placeOf(record))",
    tests: ["shared/ledger/read-ledger.test.ts"]
  },
  {
    wrong: "A delayed retry that waited before the watch began is not followed.",
    file: "shared/ledger/read-ledger.ts",
    from: "const waiting = to === null ? ids.map((id) => committed.retries.get(id) ?? new Map<number, number>()) : []",
    to: "const waiting: ReadonlyArray<Offsets> = []",
    tests: ["processors/health/ledger-watch.test.ts"]
  },
  {
    wrong: "The records of the second slice are not looked for.",
    file: "shared/ledger/read-stage.ts",
    from: "if (found > 0) slices.note(topic.topic, found, record)",
    to: "if (found > 1) slices.note(topic.topic, found, record)",
    tests: ["shared/ledger/sliced-ledger.test.ts"]
  },
  {
    wrong: "A later slice does not find the dead letters that name no raw record.",
    file: "shared/ledger/read-ledger.ts",
    from: "new Ledger(statesOf(connections), decided, null, unread)",
    to: "new Ledger(statesOf(connections), decided)",
    tests: ["shared/ledger/sliced-ledger.test.ts"]
  }
]
