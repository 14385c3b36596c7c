/**
 * Finds the bad items of a batch that a platform refuses as a whole without saying which (Meta): about 2·log2(n)
 * requests for one bad item, not n. When the first half of a refused batch was taken whole, the bad item must be in
 * the second, which is then split without being sent. A bad item found by such a conclusion is sent once alone, so that
 * nothing is blamed that the platform has not refused by itself.
 */
import * as Effect from "effect/Effect"

/**
 * What sending a piece told: `taken` means all its items are good, `refused` that some is bad and none was taken,
 * `undecided` neither (some were put off, say), so nothing may be concluded from it.
 */
export type Finding = "taken" | "refused" | "undecided"

/** Sends items; where they are refused and several, isolates the bad ones. `send` books what becomes of each item. */
export const sendAndIsolate = <A, E, R>(
  items: ReadonlyArray<A>,
  send: (items: ReadonlyArray<A>) => Effect.Effect<Finding, E, R>
): Effect.Effect<Finding, E, R> =>
  Effect.gen(function* () {
    const finding = yield* send(items)
    if (finding === "refused" && items.length > 1) yield* isolate(items, send)
    return finding
  })

/** Isolates the bad items of a batch that is known to have some. */
export const isolate = <A, E, R>(
  items: ReadonlyArray<A>,
  send: (items: ReadonlyArray<A>) => Effect.Effect<Finding, E, R>
): Effect.Effect<void, E, R> =>
  Effect.gen(function* () {
    const middle = Math.floor(items.length / 2)
    const second = items.slice(middle)
    const finding = yield* sendAndIsolate(items.slice(0, middle), send)
    if (finding === "taken" && second.length > 1) yield* isolate(second, send)
    else yield* sendAndIsolate(second, send)
  })
