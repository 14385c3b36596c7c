/** What a benchmark of many accounts found, as rows with ratios over the first one, and as figures with their goals. */
import type { Figure } from "./report.ts"

/** One number of connections, and what the same work cost with it. */
export interface AccountsRun {
  readonly connections: number
  /** Results: one for each event and connection that it is for. */
  readonly results: number
  readonly requests: number
  /** CPU from ready to the last result, all instances, in seconds. */
  readonly deliverySeconds: number
  readonly brokerSeconds: number
  /** From the first event that could be read to the last result. */
  readonly workSeconds: number
  /** Until every instance was ready, and its CPU until then, all instances. */
  readonly startSeconds: number
  readonly startCpuSeconds: number
  /** The most that was resident in an instance. */
  readonly peakMebibytes: number
  /** After the work, in percent of one core. */
  readonly idleDelivery: number
  readonly idleBroker: number
  readonly receipts: ReceiptCounts
}

export interface ReceiptCounts {
  /** Events that their connection did not receive. */
  readonly missing: number
  /** Receipts beyond the first one. */
  readonly repeated: number
  /** Receipts by a connection that the event is not for. */
  readonly misplaced: number
}

/** What costs are counted by: an event for one connection, or a request of one event. */
export type Unit = "event" | "request"

/** Rows for a table: each cost, and in parentheses its ratio to the first row. */
export const rowsOf = (runs: ReadonlyArray<AccountsRun>, unit: Unit) =>
  runs.map((run) => {
    const first = runs[0]!
    const ratio = (of: (run: AccountsRun) => number): string =>
      `${Math.round(of(run))} (${ratioOf(run, first, of).toFixed(2)})`
    return {
      connections: run.connections,
      [`delivery, us/${unit}`]: ratio(deliveryMicros),
      [`broker, us/${unit}`]: ratio(brokerMicros),
      seconds: round(run.workSeconds),
      requests: run.requests,
      "peak MiB": Math.round(run.peakMebibytes),
      "start, s (CPU)": `${round(run.startSeconds)} (${round(run.startCpuSeconds)})`,
      "idle delivery, %": round(run.idleDelivery),
      "idle broker, %": round(run.idleBroker)
    }
  })

/** Every figure, with the goals of the runs after the first, which is what they are compared with. */
export const figuresOf = (runs: ReadonlyArray<AccountsRun>, unit: Unit): ReadonlyArray<Figure> =>
  runs.flatMap((run) => {
    const first = runs[0]!
    const figure = (name: string, value: number, of: string, atMost?: number): Figure => ({
      figure: `${run.connections} ${run.connections === 1 ? "connection" : "connections"}: ${name}`,
      value,
      unit: of,
      ...(atMost === undefined ? {} : { goal: { atMost } })
    })
    const more = run.connections - first.connections
    const compared = [
      figure("delivery's CPU over the first", ratioOf(run, first, deliveryMicros), "times", cpuRatioMax(run)),
      figure("the broker's CPU over the first", ratioOf(run, first, brokerMicros), "times", cpuRatioMax(run)),
      figure(
        "memory of a further connection",
        (run.peakMebibytes - first.peakMebibytes) / more,
        "MiB",
        more >= memoryJudgedFrom ? memoryMax : undefined
      ),
      figure(
        "longer start",
        run.startSeconds - first.startSeconds,
        "s",
        run.connections <= startJudgedTo ? startLongerMax : undefined
      )
    ]
    return [
      figure("CPU of delivery", deliveryMicros(run), `us/${unit}`),
      figure("CPU of the broker", brokerMicros(run), `us/${unit}`),
      figure("until the last result", run.workSeconds, "s"),
      figure("peak memory", run.peakMebibytes, "MiB"),
      figure("start", run.startSeconds, "s"),
      figure("CPU of the start", run.startCpuSeconds, "s"),
      figure("idle, delivery", run.idleDelivery, "% of a core"),
      figure("idle, broker", run.idleBroker, "% of a core"),
      ...(run === first ? [] : compared),
      figure("events missing", run.receipts.missing, "events", 0),
      figure("events received again", run.receipts.repeated, "events", 0),
      figure("events at a wrong connection", run.receipts.misplaced, "events", 0)
    ]
  })

/** How many times what the first run's event costs one of this run may cost. */
export const cpuRatioMax = ({ connections }: Pick<AccountsRun, "connections">): number => (connections <= 200 ? 1.3 : 2)

/** MiB for each further connection. */
const memoryMax = 0.5
/** With fewer further connections, when the garbage collector runs moves the peak by more than the goal allows. */
const memoryJudgedFrom = 100
/** Seconds, for up to so many connections. */
const startLongerMax = 5
const startJudgedTo = 200

const deliveryMicros = ({ deliverySeconds, results }: AccountsRun): number => (deliverySeconds * 1e6) / results
const brokerMicros = ({ brokerSeconds, results }: AccountsRun): number => (brokerSeconds * 1e6) / results

const ratioOf = (run: AccountsRun, first: AccountsRun, of: (run: AccountsRun) => number): number => of(run) / of(first)

const round = (value: number): number => Math.round(value * 10) / 10

/** By dataset: event id, how often it came, when first in milliseconds since the epoch. */
export type Receipts = Readonly<Record<string, ReadonlyArray<readonly [id: string, times: number, firstAt: number]>>>

/** @param expected the datasets that each event id is for */
export const countReceipts = (
  expected: ReadonlyMap<string, ReadonlySet<string>>,
  receipts: Receipts
): ReceiptCounts => {
  let [missing, repeated, misplaced] = [0, 0, 0]
  for (const datasets of expected.values()) missing += datasets.size
  for (const [dataset, received] of Object.entries(receipts)) {
    for (const [id, times] of received) {
      if (expected.get(id)?.has(dataset) !== true) {
        misplaced += times
        continue
      }
      missing--
      repeated += times - 1
    }
  }
  return { missing, repeated, misplaced }
}
