/**
 * The specification's BatchOptimizer: records each batch's size, latency and success, proposes a better size within
 * the limits and applies it. It climbs a ladder of sizes: it measures the steps beside the current one and goes where
 * more events a second got through; old figures fade, so that it follows a platform that changes.
 */

/** What the optimizer has found. Sizes in events. */
export interface BatchOptimizationResult {
  readonly original_size: number
  readonly optimized_size: number
  /** How much more events a second the optimized size lets through, in percent; 0 where nothing better is known. */
  readonly estimated_throughput_improvement: number
  /** For people. */
  readonly recommendation: string
}

export interface BatchOptimizerSettings {
  readonly sizeMin: number
  readonly sizeMax: number
  /** Batches measured at a step before it is judged. */
  readonly samples: number
  /** Ratio of a step of the ladder to the next one. */
  readonly ratio: number
  /** A neighbour must be better by this part to be chosen, so that noise does not move the size. */
  readonly margin: number
  /** After so many judgements without a move the neighbours are measured again. */
  readonly settledMax: number
}

export const batchOptimizerDefaults: Omit<BatchOptimizerSettings, "sizeMin" | "sizeMax"> = {
  samples: 5,
  ratio: 1.5,
  margin: 0.05,
  settledMax: 50
}

export interface BatchOptimizer {
  /** The size to use now, within the limits. */
  readonly size: () => number
  /** Books one request: events sent, its latency in milliseconds, and whether the platform took it. */
  readonly record: (batch: { readonly size: number; readonly latencyMillis: number; readonly success: boolean }) => void
  readonly result: () => BatchOptimizationResult
}

interface Step {
  readonly size: number
  samples: number
  events: number
  millis: number
}

/** Starts at the largest size, since full batches are what most platforms answer best. */
export const makeBatchOptimizer = (settings: BatchOptimizerSettings): BatchOptimizer => new Optimizer(settings)

class Optimizer implements BatchOptimizer {
  private readonly settings: BatchOptimizerSettings
  /** Null before the first batch that says something: most connections never have as many events at a time. */
  private ladder: ReadonlyArray<Step> | null = null
  private current = 0
  private home = 0
  private settled = 0
  /** Asked for several times for each request, most of which change nothing. */
  private reported: BatchOptimizationResult | null = null

  constructor(settings: BatchOptimizerSettings) {
    this.settings = settings
  }

  size(): number {
    return this.ladder?.[this.current]?.size ?? this.settings.sizeMax
  }

  record({ size, latencyMillis, success }: Parameters<BatchOptimizer["record"]>[0]): void {
    // A batch that was not full says nothing about this size; nor is there anything to choose of one size.
    const full = this.size()
    if (this.settings.sizeMin >= this.settings.sizeMax || size > full || size < full * fullFrom) return
    this.ladder ??= this.begin()
    const step = this.ladder[this.current]!
    this.reported = null
    step.samples += 1
    step.events += success ? size : 0
    step.millis += Math.max(1, latencyMillis)
    if (measured(step, this.settings)) this.judge(this.ladder)
  }

  result(): BatchOptimizationResult {
    this.reported ??=
      this.ladder === null ? unmeasured(this.settings) : report(this.ladder.at(-1), this.ladder[this.home])
    return this.reported
  }

  private begin(): ReadonlyArray<Step> {
    const ladder = steps(this.settings)
    this.current = this.home = ladder.length - 1
    return ladder
  }

  private judge(ladder: ReadonlyArray<Step>): void {
    const { home, settings } = this
    if (throughput(ladder[home]) === 0 && home > 0) {
      // Nothing gets through at this size: there is no slope to climb, so go down.
      forget(ladder[home])
      this.home = this.current = home - 1
      return
    }
    const next = [home - 1, home + 1].find((index) => ladder[index] !== undefined && !measured(ladder[index], settings))
    if (next !== undefined) {
      this.current = next
      return
    }
    const better = [home - 1, home + 1]
      .filter((index) => throughput(ladder[index]) > throughput(ladder[home]) * (1 + settings.margin))
      .sort((left, right) => throughput(ladder[right]) - throughput(ladder[left]))[0]
    this.settled = better === undefined ? this.settled + 1 : 0
    this.home = this.current = better ?? home
    if (this.settled >= settings.settledMax) {
      this.settled = 0
      for (const index of [this.home - 1, this.home + 1]) forget(ladder[index])
    }
    // Keep the weight of the past bounded.
    const step = ladder[this.home]
    if (better === undefined && step !== undefined) fade(step, settings)
  }
}

/** Hundreds of connections have the same limits. */
const unmeasuredOf = new Map<number, BatchOptimizationResult>()
const unmeasured = ({ sizeMax }: BatchOptimizerSettings): BatchOptimizationResult => {
  const step: Step = { size: sizeMax, samples: 0, events: 0, millis: 0 }
  const known = unmeasuredOf.get(sizeMax) ?? report(step, step)
  unmeasuredOf.set(sizeMax, known)
  return known
}

const steps = ({ sizeMin, sizeMax, ratio }: BatchOptimizerSettings): ReadonlyArray<Step> => {
  const sizes: Array<number> = []
  for (let size = sizeMax; size > sizeMin; size = Math.min(size - 1, Math.round(size / ratio))) sizes.unshift(size)
  sizes.unshift(Math.min(sizeMin, sizeMax))
  return sizes.map((size) => ({ size, samples: 0, events: 0, millis: 0 }))
}

const measured = (step: Step | undefined, settings: BatchOptimizerSettings): boolean =>
  step !== undefined && step.samples >= settings.samples

/** Events a millisecond; nothing is known of a step that does not exist or was not measured. */
const throughput = (step: Step | undefined): number =>
  step === undefined || step.millis === 0 ? 0 : step.events / step.millis

const forget = (step: Step | undefined): void => {
  if (step === undefined) return
  step.samples = 0
  step.events = 0
  step.millis = 0
}

const fade = (step: Step, settings: BatchOptimizerSettings): void => {
  const kept = (settings.samples - 1) / Math.max(1, step.samples)
  step.samples = settings.samples - 1
  step.events *= kept
  step.millis *= kept
}

const report = (original: Step | undefined, best: Step | undefined): BatchOptimizationResult => {
  const before = throughput(original)
  const after = throughput(best)
  const improvement = before > 0 && after > before ? Math.round((after / before - 1) * 1000) / 10 : 0
  const from = original?.size ?? 0
  const to = best?.size ?? from
  return {
    original_size: from,
    optimized_size: to,
    estimated_throughput_improvement: improvement,
    // Asked for after each request, and seldom read.
    get recommendation() {
      return to === from
        ? `Keep batches of ${from}: no other size measured so far lets more events through.`
        : `Use batches of ${to} instead of ${from}: about ${improvement} % more events a second.`
    }
  }
}

const fullFrom = 0.8
