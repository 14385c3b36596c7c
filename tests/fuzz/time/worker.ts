/** Measures in a thread: an expression that never ends cannot be stopped in any other way. */
import { parentPort, workerData } from "node:worker_threads"
import { measure } from "./measure.ts"
import { timeTargets } from "./targets.ts"
import { shapes, textOf } from "./texts.ts"

export interface TimeRun {
  /** Every so-manieth family of texts for a target; the next target begins with the next one. */
  readonly every: number
  /** Milliseconds that the greatest length may take. */
  readonly lengthMillisMax: number
  /** Only targets whose kind or name has this text. */
  readonly only: string
  /** Ends before the next target after so many milliseconds. */
  readonly millisMax: number
}

export type TimeReport =
  | { readonly _tag: "At"; readonly target: string; readonly shape: string }
  | { readonly _tag: "Found"; readonly find: import("./measure.ts").TimeFind }
  | {
      readonly _tag: "Kind"
      readonly kind: string
      readonly targets: number
      readonly left: number
      readonly runs: number
      readonly millis: number
    }

const { every, lengthMillisMax, millisMax, only } = workerData as TimeRun
const report = (message: TimeReport): void => parentPort!.postMessage(message)

const all = shapes()
const begun = performance.now()
let turn = 0
for (const [kind, targets] of Object.entries(await timeTargets())) {
  const chosen = targets.filter(({ name }) => `${kind} ${name}`.includes(only))
  const kindBegun = performance.now()
  let runs = 0
  let done = 0
  for (const target of chosen) {
    if (performance.now() - begun > millisMax) break
    const first = turn++ % every
    const step = target.takesAnyText === true ? all.length : every
    for (let index = first; index < all.length; index += step) {
      const shape = all[index]!
      const text = JSON.stringify(Object.values(shape))
      report({ _tag: "At", target: target.name, shape: text })
      runs++
      const find = measure(target, (length) => textOf(shape, length), text, lengthMillisMax)
      if (find !== null) report({ _tag: "Found", find })
    }
    done++
  }
  report({ _tag: "Kind", kind, targets: done, left: chosen.length - done, runs, millis: performance.now() - kindBegun })
}
