/** Rate limits as platforms document them: so many in a window. */
export interface Rate {
  /** Takes `amount` if the window has room for it. */
  readonly take: (now: number, amount?: number) => boolean
  /** Share of the window that is used, in percent. */
  readonly usedPercent: (now: number) => number
  readonly reset: () => void
}

export interface RateOptions {
  readonly limit: number
  readonly windowMillis: number
}

/** A fixed window; `null` never refuses. */
export const makeRate = (options: RateOptions | null): Rate => {
  let windowStart = 0
  let used = 0
  const roll = (now: number) => {
    if (options === null) return
    const start = now - (now % options.windowMillis)
    if (start !== windowStart) {
      windowStart = start
      used = 0
    }
  }
  return {
    take: (now, amount = 1) => {
      if (options === null) return true
      roll(now)
      if (used + amount > options.limit) return false
      used += amount
      return true
    },
    usedPercent: (now) => {
      roll(now)
      return options === null ? 0 : Math.floor((used * 100) / options.limit)
    },
    reset: () => {
      used = 0
    }
  }
}

/** At most one in `windowMillis` for each key; forgets old keys so that memory stays bounded. */
export const makePairRate = (windowMillis: number, keysMax = 100_000) => {
  const last = new Map<string, number>()
  return {
    take: (key: string, now: number): boolean => {
      const before = last.get(key)
      if (before !== undefined && now - before < windowMillis) return false
      last.delete(key)
      last.set(key, now)
      if (last.size > keysMax) last.delete(last.keys().next().value ?? "")
      return true
    },
    reset: () => last.clear()
  }
}
