/** Ready means: a member of the group, and every assigned partition is open. A standby without partitions is ready. */
import type { Observe } from "./observer.ts"

export interface Readiness {
  readonly observe: Observe
  /** Of one processor, or of all that were ever heard of (false before the first). */
  readonly isReady: (processor?: string) => boolean
  readonly status: () => ReadonlyArray<{
    readonly processor: string
    readonly joined: boolean
    readonly assigned: number
    readonly open: number
  }>
}

export const makeReadiness = (): Readiness => {
  const processors = new Map<string, { joined: boolean; assigned: Set<string>; open: Set<string> }>()
  const stateOf = (processor: string) => {
    let state = processors.get(processor)
    if (state === undefined) {
      state = { joined: false, assigned: new Set(), open: new Set() }
      processors.set(processor, state)
    }
    return state
  }
  const status = () =>
    [...processors].map(([processor, { joined, assigned, open }]) => ({
      processor,
      joined,
      assigned: assigned.size,
      open: [...assigned].filter((name) => open.has(name)).length
    }))
  return {
    status,
    isReady: (processor) => {
      const relevant = status().filter((found) => processor === undefined || found.processor === processor)
      return relevant.length > 0 && relevant.every(({ joined, assigned, open }) => joined && open === assigned)
    },
    observe: (event) => {
      const state = stateOf(event.processor)
      if (event.type === "assigned") {
        state.joined = true
        state.assigned = new Set(event.partitions.map(nameOf))
      } else if (event.type === "left") {
        state.joined = false
        state.assigned.clear()
      } else if (event.type === "opened") {
        state.open.add(nameOf(event))
      } else if (event.type === "closed" || event.type === "reopening") {
        state.open.delete(nameOf(event))
      }
    }
  }
}

const nameOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }) => `${topic}/${partition}`
