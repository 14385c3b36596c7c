/** The subscribers of a partition that have steps under way, so that hundreds of others are not asked. */

export interface CountedSubscriber {
  /** It has steps that are under way, or wait for their commit. */
  readonly isBusy: boolean
  /** They have got no further for a while. */
  readonly isStalled: (now: number) => boolean
}

export class BusySubscribers<S extends CountedSubscriber> {
  /** In the order in which they got further, the one that did so last at the end. */
  private readonly busy = new Set<S>()

  get size(): number {
    return this.busy.size
  }

  /** It has a step, after it had none. */
  begun(subscriber: S): void {
    this.busy.delete(subscriber)
    this.busy.add(subscriber)
  }

  /** Something of it was committed. */
  committed(subscriber: S): void {
    this.busy.delete(subscriber)
    if (subscriber.isBusy) this.busy.add(subscriber)
  }

  /** It was closed. */
  delete(subscriber: S): void {
    this.busy.delete(subscriber)
  }

  stalled(now: number): ReadonlyArray<S> {
    const found: Array<S> = []
    for (const one of this.busy) {
      if (!one.isStalled(now)) break
      found.push(one)
    }
    return found
  }
}
