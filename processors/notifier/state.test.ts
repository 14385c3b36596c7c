import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { HealthAlert } from "../../schemas/types.gen.ts"
import type { Outbound } from "../../shared/runtime/contract.ts"
import { parseNotifications } from "./notifications-file.ts"
import { makeRouting } from "./routing.ts"
import { NotifierState, type Receipt } from "./state.ts"

const now = 1_795_424_000_000
const minute = 60_000

const file = Result.getOrThrow(
  parseNotifications(
    "n.yaml",
    `version: 1
receivers:
  - { id: chat, kind: slack, url: env:A }
  - { id: oncall, kind: pagerduty, routing_key: env:B }
  - { id: prometheus, kind: alertmanager, url: "http://a:9093" }
routes:
  - { receivers: [chat], repeat: 30 minutes }
  - { receivers: [oncall], severities: [critical], connections: [meta-*], repeat: never }
  - { receivers: [prometheus], series: [status] }
silences:
  - { connections: [meta-test], until: "2026-11-23T13:00:00Z" }
`
  )
)

const alert = (status: string, fields: Partial<HealthAlert> = {}): HealthAlert => ({
  connection_id: "meta-eu",
  platform: "meta",
  previous_status: "healthy",
  status,
  timestamp: now,
  cause: status === "healthy" ? "recovered" : "circuit",
  message: `meta-eu is ${status}`,
  issues: [],
  threshold_percent: null,
  ...fields
})

/** A state, and the state topic that it writes. */
const started = (topic = new Map<string, string>(), given = file) => {
  const state = new NotifierState(given.receivers, makeRouting(given))
  for (const [key, value] of topic) state.restore(key, value)
  state.addReceipts()
  const write = (outputs: ReadonlyArray<Outbound>) => {
    for (const { key, value } of outputs)
      if (value === null) topic.delete(key!)
      else topic.set(key!, String(value))
  }
  let offset = 0
  return {
    topic,
    take: (one: HealthAlert, at = now) => write(state.apply(one, offset++, at)),
    remember: (receiver: string, receipt: Receipt) => state.remember(receiver, "meta-eu/status", receipt),
    resolved: (receiver: string, at: number) => state.pending(receiver, at).map(({ route }) => route.resolved),
    kinds: (receiver: string, at = now) => state.pending(receiver, at).map(({ kind }) => kind),
    deliver: (receiver: string, at = now) => {
      for (const pending of state.pending(receiver, at)) write(state.delivered(receiver, pending, at))
    }
  }
}

describe("what a receiver is to get", () => {
  it("is each change once: the beginning, a change and the end", () => {
    const { take, kinds, deliver, topic } = started()
    take(alert("degraded"))
    assert.deepStrictEqual(kinds("chat"), ["began"])
    deliver("chat")
    assert.deepStrictEqual(kinds("chat"), [])
    take(alert("unhealthy"))
    assert.deepStrictEqual(kinds("chat"), ["changed"])
    deliver("chat")
    take(alert("healthy"))
    assert.deepStrictEqual(kinds("chat"), ["ended"])
    for (const receiver of ["chat", "oncall", "prometheus"]) deliver(receiver)
    assert.deepStrictEqual([...topic], [])
  })

  it("is what its routes ask for, and the end of what is no longer of their severity", () => {
    const { take, kinds, deliver } = started()
    take(alert("degraded"))
    assert.deepStrictEqual(kinds("oncall"), [])
    take(alert("unhealthy"))
    assert.deepStrictEqual(kinds("oncall"), ["began"])
    deliver("oncall")
    take(alert("degraded"))
    assert.deepStrictEqual(kinds("oncall"), ["ended"])
    deliver("oncall")
    take(alert("unhealthy", { connection_id: "tiktok-eu" }))
    assert.deepStrictEqual(kinds("oncall"), [])
  })

  it("is kept apart for the status, the age of what waits and the ledger of a connection", () => {
    const { take, kinds, deliver } = started()
    take(alert("unhealthy"))
    take(alert("degraded", { cause: "age_limit", threshold_percent: 50 }))
    take(alert("unhealthy", { cause: "ledger" }))
    assert.deepStrictEqual(kinds("chat"), ["began", "began", "began"])
    assert.deepStrictEqual(kinds("prometheus"), ["began"])
    deliver("chat")
    take(alert("healthy", { cause: "age_limit" }))
    assert.deepStrictEqual(kinds("chat"), ["ended"])
  })

  it("comes again where the clock was set back since, so that Alertmanager does not end it", () => {
    const { take, kinds, deliver } = started()
    take(alert("unhealthy"))
    for (const receiver of ["chat", "oncall", "prometheus"]) deliver(receiver)
    const setBack = now - 60 * minute
    assert.deepStrictEqual([kinds("prometheus", setBack), kinds("chat", setBack)], [["repeated"], ["repeated"]])
    assert.deepStrictEqual(kinds("oncall", setBack), [])
    for (const receiver of ["chat", "prometheus"]) deliver(receiver, setBack)
    assert.deepStrictEqual([kinds("prometheus", setBack), kinds("chat", setBack + 29 * minute)], [[], []])
    assert.deepStrictEqual(kinds("prometheus", setBack + minute), ["repeated"])
    // Another host's clock.
    assert.deepStrictEqual(kinds("chat", setBack - minute), [])
  })

  it("comes again after the repeat interval, never if it says so, and each minute for Alertmanager", () => {
    const { take, kinds, deliver } = started()
    take(alert("unhealthy"))
    for (const receiver of ["chat", "oncall", "prometheus"]) deliver(receiver)
    assert.deepStrictEqual(kinds("chat", now + 30 * minute - 1), [])
    assert.deepStrictEqual(kinds("chat", now + 30 * minute), ["repeated"])
    assert.deepStrictEqual(kinds("oncall", now + 10_000 * minute), [])
    assert.deepStrictEqual(kinds("prometheus", now + minute), ["repeated"])
  })

  it("waits while it is silenced, and comes when the silence ends and it is still so", () => {
    const { take, kinds } = started()
    const start = Date.UTC(2026, 10, 23, 12)
    take(alert("unhealthy", { connection_id: "meta-test" }), start)
    assert.deepStrictEqual(kinds("chat", start), [])
    assert.deepStrictEqual(kinds("chat", start + 60 * minute), ["began"])
  })

  it("is nothing of what was silenced from its beginning to its end, and is forgotten", () => {
    const { take, resolved, deliver, topic } = started()
    const start = Date.UTC(2026, 10, 23, 12)
    take(alert("unhealthy", { connection_id: "meta-test", timestamp: start }), start)
    take(alert("healthy", { connection_id: "meta-test", timestamp: start }), start)
    assert.deepStrictEqual(resolved("chat", start), [false])
    for (const receiver of ["chat", "oncall", "prometheus"]) deliver(receiver, start)
    assert.deepStrictEqual([...topic], [])
  })

  it("is the end alone of what was over before it could be sent", () => {
    const { take, kinds } = started()
    take(alert("unhealthy"))
    take(alert("healthy"))
    assert.deepStrictEqual(kinds("chat"), ["ended"])
  })

  it("is nothing of what was over a day ago when it was first read", () => {
    const { take, kinds, topic } = started()
    take(alert("unhealthy"), now + 1_441 * minute)
    take(alert("healthy"), now + 1_441 * minute)
    assert.deepStrictEqual(kinds("chat", now + 1_441 * minute), [])
    assert.deepStrictEqual([...topic], [])
  })

  it("is known after a restart from the state topic alone", () => {
    const before = started()
    before.take(alert("unhealthy"))
    before.deliver("chat")
    const after = started(before.topic)
    assert.deepStrictEqual([after.kinds("chat"), after.kinds("oncall")], [[], ["began"]])
  })

  it("is nothing that the process knows to be taken, although its record is not on the state topic", () => {
    const before = started()
    before.take(alert("unhealthy"))
    const began = started(new Map(before.topic))
    began.remember("chat", { change: 0, severity: "critical", at: now })
    assert.deepStrictEqual(began.kinds("chat"), [])
    before.take(alert("healthy"))
    const ended = started(new Map(before.topic))
    ended.remember("chat", { change: 1, severity: null, at: now })
    assert.deepStrictEqual(ended.kinds("chat"), [])
    ended.remember("oncall", { change: 0, severity: "critical", at: now })
    assert.deepStrictEqual(ended.kinds("oncall"), ["ended"])
  })

  it("is nothing of an alert that is read again after a crash", () => {
    const before = started()
    before.take(alert("unhealthy"))
    before.deliver("chat")
    const after = started(before.topic)
    after.take(alert("unhealthy"))
    assert.deepStrictEqual(after.kinds("chat"), [])
  })

  it("is never a receiver's failure to itself", () => {
    const { take, kinds } = started()
    take(alert("unhealthy", { connection_id: "notifier-chat", cause: "notifier", platform: "" }))
    assert.deepStrictEqual(kinds("chat"), [])
    take(alert("unhealthy", { connection_id: "notifier-oncall", cause: "notifier", platform: "" }))
    assert.deepStrictEqual(kinds("chat"), ["began"])
  })
})

it("a receiver or a route that is new in the file gets what is wrong, and nothing that is over", () => {
  const [chat, oncall] = file.receivers
  const narrow = {
    ...file,
    receivers: [oncall!],
    routes: file.routes.filter(({ receivers }) => receivers.includes("oncall"))
  }
  const before = started(new Map(), narrow)
  before.take(alert("unhealthy"))
  before.take(alert("degraded", { connection_id: "google-eu" }))
  before.take(alert("unhealthy", { connection_id: "meta-us" }))
  before.deliver("oncall")
  before.take(alert("healthy", { connection_id: "meta-us" }))
  before.deliver("oncall")

  const after = started(before.topic, { ...file, receivers: [chat!, oncall!] })
  assert.deepStrictEqual(after.kinds("chat"), ["began", "began"])
  assert.deepStrictEqual(after.kinds("oncall"), [])
  after.deliver("chat")
  assert.deepStrictEqual(after.kinds("chat"), [])
  const again = started(after.topic)
  assert.deepStrictEqual(again.kinds("chat"), [])
  assert.deepStrictEqual(again.kinds("prometheus"), ["began", "began"])
})
