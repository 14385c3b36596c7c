/**
 * How the leader of a group assigns partitions: each member reports the ones that it owns, and they move as little as possible.
 * As pure decisions, and as an assigner of kafkajs.
 */
import type { Assigner, AssignerProtocol, PartitionAssigner } from "kafkajs"

export type PartitionsByTopic = Readonly<Record<string, ReadonlyArray<number>>>

export interface MemberClaim {
  readonly memberId: string
  /** What it had before the rebalance. */
  readonly owned: PartitionsByTopic
}

/**
 * Balanced to within one partition, of all and of each topic: a member with partitions of one topic alone would be idle while
 * another works for both. A partition that may stay stays. A partition that two members claim (one of them is a
 * zombie that came back) goes to the first by member id.
 */
export const assignSticky = (
  members: ReadonlyArray<MemberClaim>,
  partitions: PartitionsByTopic
): ReadonlyMap<string, PartitionsByTopic> => {
  const shares = sortedById(members).map((member) => ({ ...member, extras: 0, given: {} as Given }))
  for (const [topic, list] of Object.entries(partitions).sort(([left], [right]) => (left < right ? -1 : 1))) {
    const unassigned = new Set(list.toSorted((left, right) => left - right))
    const least = Math.floor(list.length / shares.length)
    const claims = shares.map((share) => {
      const claimed = (share.owned[topic] ?? []).filter((partition) => unassigned.delete(partition))
      return { share, claimed: claimed.sort((left, right) => left - right) }
    })
    // The members that get one more than the others: those with the fewest extra ones so far, then those that have one already.
    const favoured = new Set(
      claims
        .toSorted(
          (left, right) =>
            left.share.extras - right.share.extras ||
            Number(right.claimed.length > least) - Number(left.claimed.length > least)
        )
        .slice(0, list.length % shares.length)
        .map(({ share }) => share)
    )
    for (const { share, claimed } of claims) {
      const allowed = favoured.has(share) ? least + 1 : least
      share.given[topic] = claimed.slice(0, allowed)
      for (const partition of claimed.slice(allowed)) unassigned.add(partition)
    }
    const left = [...unassigned].sort((one, other) => one - other)
    for (const share of shares) {
      const allowed = favoured.has(share) ? least + 1 : least
      const own = share.given[topic]!
      own.push(...left.splice(0, allowed - own.length))
      own.sort((one, other) => one - other)
      if (favoured.has(share)) share.extras++
      if (own.length === 0) delete share.given[topic]
    }
  }
  return new Map(shares.map(({ memberId, given }) => [memberId, given]))
}

type Given = Record<string, Array<number>>

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

const namesOf = (partitions: PartitionsByTopic): ReadonlyArray<string> =>
  Object.entries(partitions).flatMap(([topic, list]) => list.map((partition) => `${partition}/${topic}`))

/**
 * The assigner that a member of a group gives to kafkajs. `owned` is asked at each join, so that a member keeps its partitions
 * over rebalances.
 *
 * @param processors the names of the processors that the member reads for, which anyone can read from the group's description
 * @param protocol kafkajs's codec of assignments, passed in so that the decisions above can be used without the client
 */
export const partitionAssigner =
  (
    protocol: typeof AssignerProtocol,
    assignment: "balanced" | "active-standby",
    owned: () => PartitionsByTopic,
    processors: ReadonlyArray<string>
  ): PartitionAssigner =>
  ({ cluster }): Assigner => {
    const name = assignment === "balanced" ? "capi-sticky" : "capi-active-standby"
    const decide = assignment === "balanced" ? assignSticky : assignAllToOne
    return {
      name,
      version: 0,
      protocol: ({ topics }) => ({
        name,
        metadata: protocol.MemberMetadata.encode({
          version: 0,
          topics,
          userData: Buffer.from(JSON.stringify({ ...owned(), [processorsKey]: processors }))
        })
      }),
      assign: async ({ members, topics }) => {
        const partitions: PartitionsByTopic = Object.fromEntries(
          topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).map((found) => found.partitionId)])
        )
        const claims = members.map(({ memberId, memberMetadata }) => {
          const userData = protocol.MemberMetadata.decode(memberMetadata)?.userData
          return { memberId, owned: ownedOf(userData) }
        })
        return [...decide(claims, partitions)].map(([memberId, assigned]) => ({
          memberId,
          memberAssignment: protocol.MemberAssignment.encode({
            version: 0,
            assignment: mutable(assigned),
            userData: Buffer.alloc(0)
          })
        }))
      }
    }
  }

/** Beside the owned partitions by topic; no topic can have this name. Members of earlier versions ignore it. */
const processorsKey = "#processors"

const userDataOf = (userData: Buffer | undefined): Readonly<Record<string, ReadonlyArray<unknown>>> =>
  userData === undefined || userData.length === 0 ? {} : JSON.parse(userData.toString())

const ownedOf = (userData: Buffer | undefined): PartitionsByTopic => {
  const { [processorsKey]: _, ...owned } = userDataOf(userData)
  return owned as PartitionsByTopic
}

/** The processors that a member of a group reads for, from its metadata in the group's description. */
export const processorsOf = (protocol: typeof AssignerProtocol, memberMetadata: Buffer): ReadonlyArray<string> => {
  try {
    const { userData } = protocol.MemberMetadata.decode(memberMetadata) ?? {}
    return (userDataOf(userData)[processorsKey] ?? []) as ReadonlyArray<string>
  } catch {
    // A member of another client.
    return []
  }
}

const mutable = (partitions: PartitionsByTopic): Record<string, Array<number>> =>
  Object.fromEntries(Object.entries(partitions).map(([topic, list]) => [topic, [...list]]))
