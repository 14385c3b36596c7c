/** The newest results of each connection, outcome and reason: at most ten each, and as many in all as memory allows. */
import { getOrMake } from "../counts/outcome-table.ts"
import type { PlacedResult } from "./result-row.ts"

const samplesMax = 10
const groupsMax = 5_000

export class ResultSamples {
  /** The group that was added to last is the last one. */
  private readonly groups = new Map<string, Array<PlacedResult>>()

  add(reason: string, result: PlacedResult): void {
    const { connection_id, outcome } = result.log
    const name = nameOf(connection_id, outcome, reason)
    const group = getOrMake(this.groups, name, () => {
      for (const oldest of this.groups.keys()) {
        if (this.groups.size < groupsMax) break
        this.groups.delete(oldest)
      }
      return []
    })
    if (group.length < samplesMax) group.push(result)
    else insertNewer(group, result)
  }

  /** The newest first; `reason` as it is counted. */
  get(connectionId: string, outcome: string, reason: string): ReadonlyArray<PlacedResult> {
    const group = this.groups.get(nameOf(connectionId, outcome, reason)) ?? []
    return group.toSorted((left, right) => right.log.timestamp - left.log.timestamp)
  }
}

const nameOf = (connectionId: string, outcome: string, reason: string) => `${connectionId} ${outcome} ${reason}`

/** In the place of the oldest, unless it is older. */
const insertNewer = (group: Array<PlacedResult>, result: PlacedResult): void => {
  let oldest = 0
  for (let index = 1; index < group.length; index++)
    if (group[index]!.log.timestamp < group[oldest]!.log.timestamp) oldest = index
  if (group[oldest]!.log.timestamp <= result.log.timestamp) group[oldest] = result
}
