/** How a group's partitions are shared out: pure decisions of the group's leader. */

export type PartitionsByTopic = Readonly<Record<string, ReadonlyArray<number>>>

export interface MemberClaim {
  readonly memberId: string
  /** What it had before the rebalance. */
  readonly owned: PartitionsByTopic
}

/**
 * Balanced to within one partition; of those that may stay, each stays. A partition that two members claim (one of them
 * is a zombie that came back) goes to the first by member id.
 */
export const assignSticky = (
  members: ReadonlyArray<MemberClaim>,
  partitions: PartitionsByTopic
): ReadonlyMap<string, PartitionsByTopic> => {
  const sorted = sortedById(members)
  const unassigned = new Set(namesOf(partitions))
  const shareMin = Math.floor(unassigned.size / sorted.length)
  let largerShares = unassigned.size % sorted.length
  const shares = sorted.map((member) => ({ memberId: member.memberId, names: [] as Array<string> }))
  for (const [index, member] of sorted.entries()) {
    const claimed = namesOf(member.owned).filter((name) => unassigned.has(name))
    const allowed = claimed.length > shareMin && largerShares > 0 ? shareMin + 1 : shareMin
    if (allowed > shareMin) largerShares--
    for (const name of claimed.slice(0, allowed)) {
      unassigned.delete(name)
      shares[index]!.names.push(name)
    }
  }
  for (const name of unassigned) {
    shares.reduce((least, share) => (share.names.length < least.names.length ? share : least)).names.push(name)
  }
  return new Map(shares.map(({ memberId, names }) => [memberId, byTopic(names)]))
}

/** Everything to one member: the one that has most of it already, else the first by member id. The others stand by. */
export const assignAllToOne = (
  members: ReadonlyArray<MemberClaim>,
  partitions: PartitionsByTopic
): ReadonlyMap<string, PartitionsByTopic> => {
  const sorted = sortedById(members)
  const active = sorted.reduce((most, member) =>
    namesOf(member.owned).length > namesOf(most.owned).length ? member : most
  )
  return new Map(sorted.map((member) => [member.memberId, member === active ? partitions : {}]))
}

const sortedById = (members: ReadonlyArray<MemberClaim>) =>
  [...members].sort((left, right) => (left.memberId < right.memberId ? -1 : 1))

/** Partition first, so that neighbours in the list are of different topics and each member gets some of each. */
const namesOf = (partitions: PartitionsByTopic): ReadonlyArray<string> =>
  Object.entries(partitions)
    .flatMap(([topic, list]) => list.map((partition) => ({ partition, name: `${partition}/${topic}` })))
    .sort((left, right) => left.partition - right.partition || (left.name < right.name ? -1 : 1))
    .map(({ name }) => name)

const byTopic = (names: ReadonlyArray<string>): PartitionsByTopic => {
  const result: Record<string, Array<number>> = {}
  for (const name of names) {
    const slash = name.indexOf("/")
    const topic = name.slice(slash + 1)
    result[topic] = [...(result[topic] ?? []), Number(name.slice(0, slash))]
  }
  return result
}
