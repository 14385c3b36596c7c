/** Where each hop of an event stands in its waterfall. Pure. */
import type { Hop } from "../../api.ts"

export interface Bar {
  readonly hop: Hop
  /** Hops from the first one. */
  readonly depth: number
  /** From 0 to 1 of the whole width. */
  readonly from: number
  readonly width: number
}

/** What a bar takes at least, so that it is seen. */
const widthMin = 0.008

/**
 * Each hop below its parent, those of one parent by time. Where the story is long (a retry after hours, a redrive), a gap without
 * any hop is drawn short, so that milliseconds on either side of it are still seen.
 */
export const waterfall = (hops: ReadonlyArray<Hop>): ReadonlyArray<Bar> => {
  const ids = new Set(hops.map(({ id }) => id))
  const children = new Map<string | null, Array<Hop>>()
  for (const hop of hops.toSorted((left, right) => left.started_at - right.started_at || left.at - right.at)) {
    const parent = hop.parent !== null && ids.has(hop.parent) && hop.parent !== hop.id ? hop.parent : null
    children.set(parent, [...(children.get(parent) ?? []), hop])
  }
  const place = scaleOf(hops)
  const bars: Array<Bar> = []
  const seen = new Set<string>()
  const add = (parent: string | null, depth: number): void => {
    for (const hop of children.get(parent) ?? []) {
      if (seen.has(hop.id)) continue
      seen.add(hop.id)
      const from = Math.min(place(hop.started_at), 1 - widthMin)
      bars.push({
        hop,
        depth,
        from,
        width: Math.max(widthMin, Math.min(1, place(Math.max(hop.ended_at, hop.started_at))) - from)
      })
      add(hop.id, depth + 1)
    }
  }
  add(null, 0)
  // Hops that name each other as parents are below none.
  for (const hop of hops)
    if (!seen.has(hop.id)) bars.push({ hop, depth: 0, from: place(hop.started_at), width: widthMin })
  return bars
}

/** Times to 0 … 1: as they are, but for gaps of more than five times all the rest, which get a tenth of the width each. */
const scaleOf = (hops: ReadonlyArray<Hop>): ((at: number) => number) => {
  const points = [
    ...new Set(hops.flatMap(({ started_at, ended_at }) => [started_at, Math.max(started_at, ended_at)]))
  ].toSorted((left, right) => left - right)
  const gaps = points.slice(1).map((at, index) => ({
    from: points[index]!,
    to: at,
    isBusy: hops.some((hop) => hop.started_at < at && hop.ended_at > points[index]!)
  }))
  const span = (some: typeof gaps) => some.reduce((sum, { from, to }) => sum + to - from, 0)
  const total = span(gaps)
  const long = gaps.filter(
    (gap) => !gap.isBusy && gap.to - gap.from > (total - (gap.to - gap.from)) * 5 && gap.to - gap.from > 10_000
  )
  const rest = Math.max(1, total - span(long))
  const share = 1 - long.length * 0.1
  return (at) => {
    let place = 0
    for (const gap of gaps) {
      const part = Math.min(1, Math.max(0, (at - gap.from) / (gap.to - gap.from)))
      place += part * (long.includes(gap) ? 0.1 : ((gap.to - gap.from) / rest) * share)
    }
    return place
  }
}
