/** Repairs of kafkajs's classes from outside (decision 10): it has no seams for them. */
import { createRequire } from "node:module"

const require = createRequire(import.meta.url)
const made = new WeakSet<object>()

/**
 * Lets `repair` change the class that a module of kafkajs is, once for the process: a second call with the same function does
 * nothing. `A`: what the repair uses of its instances.
 *
 * @param module its path below `kafkajs/src`
 */
export const repairClass = <A extends object>(module: string, repair: (prototype: A) => void): void => {
  if (made.has(repair)) return
  made.add(repair)
  repair((require(`kafkajs/src/${module}`) as { readonly prototype: A }).prototype)
}
