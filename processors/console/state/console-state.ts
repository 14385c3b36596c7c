/** All that the console holds in memory, fed by its readers and read by its routes. */
import type { ConnectorHealthStatus, ConnectorState, EventDeliveryLog } from "../../../schemas/types.gen.ts"
import { isOutdated } from "../../../shared/model/health-age.ts"
import type { ConnectionName, Redrive } from "../api.ts"
import { minuteMillis } from "../counts/minute-series.ts"
import { OutcomeCounts } from "../counts/outcome-counts.ts"
import { RecentResults } from "../counts/recent-results.ts"
import { AlertLog } from "./alert-log.ts"
import { DeadLetters } from "./dead-letters.ts"
import { LiveHub } from "./live-hub.ts"
import { ReplayWatch } from "./replay-watch.ts"
import { ResultSamples } from "./samples.ts"

/** Two periods of the longest. */
export const historyMillis = 48 * 60 * minuteMillis
const outcomeBytesMax = 32 * 1_048_576

export class ConsoleState {
  readonly counts = new OutcomeCounts(outcomeBytesMax)
  readonly recent = new RecentResults()
  readonly samples = new ResultSamples()
  readonly deadLetters = new DeadLetters()
  readonly alerts = new AlertLog()
  readonly replays = new ReplayWatch()
  readonly hub: LiveHub
  /** By connection. */
  readonly statuses = new Map<string, ConnectorHealthStatus>()
  readonly states = new Map<string, ConnectorState>()
  readonly lags = new Map<string, number>()
  /** Records that normalizer and mapper have not come to. */
  intakeWaiting = 0
  /** From when on every result is counted, in milliseconds since the epoch; null before anything was read. */
  completeSince: number | null = null
  loading = true
  deadLettersLoading = true
  /** What cannot be read now, by topics (and `stages`: how far they are), with why. */
  readonly problems = new Map<string, string>()
  readonly redrives: Array<Redrive> = []

  private readonly platforms = new Map<string, string>()

  readonly connections: ReadonlyArray<ConnectionName>

  constructor(connections: ReadonlyArray<ConnectionName>) {
    this.connections = connections
    this.hub = new LiveHub(connections.map(({ id }) => id))
    for (const { id, platform } of connections) this.platforms.set(id, platform)
  }

  platformOf(connectionId: string): string {
    return this.platforms.get(connectionId) ?? ""
  }

  /**
   * @param isOlder of a result that is read back: it was written before the console started
   * @param now milliseconds since the epoch
   */
  result(partition: number, offset: number, log: EventDeliveryLog, isOlder: boolean, now: number): void {
    if (!this.platforms.has(log.connection_id)) this.platforms.set(log.connection_id, log.platform)
    const counted = this.counts.add(log, isOlder)
    this.recent.add(log, now)
    const placed = { partition, offset, log }
    if (counted !== null) this.samples.add(counted.reason, placed)
    if (!isOlder) this.hub.add(placed)
  }

  /** Why something cannot be read now; null where everything is. */
  get notRead(): string | null {
    const [first = null] = this.problems.values()
    return first
  }

  /** Whether the health program has written something lately; `now` in milliseconds since the epoch. */
  hasHealth(now: number): boolean {
    return [...this.statuses.values()].some(({ last_check }) => !isOutdated(last_check, now))
  }

  /** Events that wait for a connection, as the health program counts them. */
  waiting(connectionId: string): number {
    return this.statuses.get(connectionId)?.waiting_events ?? 0
  }

  /** Forgets what is older than two of the longest periods; `now` in milliseconds since the epoch. */
  prune(now: number): void {
    const before = now - historyMillis - 60 * minuteMillis
    this.counts.prune(before)
    this.deadLetters.prune(before)
    if (this.completeSince !== null) this.completeSince = Math.max(this.completeSince, now - historyMillis)
  }
}
