/**
 * The requests that steps make to other systems. What such a request led to is known only here until the step is committed, so it is
 * finished and committed before the partition may move to another member of the group, which would send the same again.
 */
import * as Effect from "effect/Effect"

/** Where a step says which of its requests are under way. */
export interface RequestTracker {
  /** Waits while no request may begin: the partition may be about to move, and nothing of the step would be repeated yet. */
  readonly ready: Effect.Effect<void>
  /** Whether `ready` would not wait. */
  readonly isReady: () => boolean
  /** Waits as `ready` does; from then on a request is in flight, until `end`. */
  readonly begin: Effect.Effect<void>
  /** @param hasEffect the other system may have acted on it: the step has to be finished, too */
  readonly end: (hasEffect: boolean) => void
}

/** Of a step whose partition never moves. */
export const untracked: RequestTracker = {
  ready: Effect.void,
  isReady: () => true,
  begin: Effect.void,
  end: () => undefined
}

/** Of all steps of one assigned partition. */
export class PartitionRequests {
  /** No step begins its first request. */
  isHeld = false
  private readonly steps = new Set<StepRequests>()
  private readonly waiting = new Set<() => void>()
  private readonly settling: Array<() => void> = []

  /** Of a new step; `settle` ends it. */
  step(): StepRequests {
    const step = new StepRequests(this)
    this.steps.add(step)
    return step
  }

  /** The step is committed, or was given up. */
  settle(step: StepRequests): void {
    this.steps.delete(step)
    this.check()
  }

  /** Lets no step begin that has made no request yet. Resolves when those that have are settled. */
  hold(): Promise<void> {
    this.isHeld = true
    return this.settled()
  }

  /** The partition stays. */
  release(): void {
    this.isHeld = false
    this.wake()
  }

  get isSettled(): boolean {
    for (const step of this.steps) if (step.mustFinish) return false
    return true
  }

  settled(): Promise<void> {
    if (this.isSettled) return Promise.resolve()
    return new Promise((resolve) => this.settling.push(resolve))
  }

  /** Until something has changed. */
  readonly changed: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const wake = () => resume(Effect.void)
    this.waiting.add(wake)
    return Effect.sync(() => void this.waiting.delete(wake))
  })

  wake(): void {
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const wake of waiting) wake()
  }

  check(): void {
    if (this.settling.length > 0 && this.isSettled) for (const resolve of this.settling.splice(0)) resolve()
  }
}

/** Of one step. Hundreds of them are under way at a time, most of which never wait: nothing is made that is not asked for. */
export class StepRequests implements RequestTracker {
  readonly partition: PartitionRequests
  private inFlight = 0
  private hasEffect = false

  constructor(partition: PartitionRequests) {
    this.partition = partition
  }

  /** The step is committed, or was given up. */
  settle(): void {
    this.partition.settle(this)
  }

  /** It would be repeated, at least in part, if the partition moved now. */
  get mustFinish(): boolean {
    return this.inFlight > 0 || this.hasEffect
  }

  get ready(): Effect.Effect<void> {
    return whenReady([this], () => undefined)
  }

  isReady(): boolean {
    return waitedFor([this]) === undefined
  }

  get begin(): Effect.Effect<void> {
    return whenReady([this], () => this.beginNow())
  }

  end(hasEffect: boolean): void {
    this.inFlight--
    if (hasEffect) this.hasEffect = true
    this.partition.check()
  }

  /** Without waiting. */
  beginNow(): void {
    this.inFlight++
    // What waits in the same step has to be finished, too.
    if (this.partition.isHeld) this.partition.wake()
  }
}

/** Of a request that several steps share. */
export const sharedRequest = (trackers: ReadonlyArray<RequestTracker>): RequestTracker => {
  const steps = trackers.filter((one) => one instanceof StepRequests)
  if (steps.length < 2) return steps[0] ?? untracked
  return {
    ready: whenReady(steps, () => undefined),
    isReady: () => waitedFor(steps) === undefined,
    begin: whenReady(steps, () => {
      for (const step of steps) step.beginNow()
    }),
    end: (hasEffect) => {
      for (const step of steps) step.end(hasEffect)
    }
  }
}

/** The step for which a request of these steps has to wait. */
const waitedFor = (steps: ReadonlyArray<StepRequests>): StepRequests | undefined => {
  const held = steps.find(({ partition }) => partition.isHeld)
  return steps.some(({ mustFinish }) => mustFinish) ? undefined : held
}

function whenReady(steps: ReadonlyArray<StepRequests>, act: () => void): Effect.Effect<void> {
  return Effect.suspend(() => {
    const held = waitedFor(steps)
    if (held !== undefined) return Effect.andThen(held.partition.changed, whenReady(steps, act))
    act()
    return Effect.void
  })
}
