/** Gives a group's partitions to its members so that they move as little as possible: each says what it already owns. */
import type { Assigner, PartitionAssigner } from "kafkajs"
import { assignAllToOne, assignSticky, type MemberClaim, type PartitionsByTopic } from "./assignment.ts"
import kafkajs from "./kafkajs.ts"

const { AssignerProtocol } = kafkajs

/** `owned` is asked at each join, so that a member keeps its partitions over rebalances. */
export const partitionAssigner =
  (assignment: "balanced" | "active-standby", owned: () => PartitionsByTopic): PartitionAssigner =>
  ({ cluster }): Assigner => {
    const name = assignment === "balanced" ? "capi-sticky" : "capi-active-standby"
    const decide = assignment === "balanced" ? assignSticky : assignAllToOne
    return {
      name,
      version: 0,
      protocol: ({ topics }) => ({
        name,
        metadata: AssignerProtocol.MemberMetadata.encode({
          version: 0,
          topics,
          userData: Buffer.from(JSON.stringify(owned()))
        })
      }),
      assign: async ({ members, topics }) => {
        const partitions: PartitionsByTopic = Object.fromEntries(
          topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).map((found) => found.partitionId)])
        )
        const decided = decide(members.map(claimOf), partitions)
        return [...decided].map(([memberId, assigned]) => ({
          memberId,
          memberAssignment: AssignerProtocol.MemberAssignment.encode({
            version: 0,
            assignment: mutable(assigned),
            userData: Buffer.alloc(0)
          })
        }))
      }
    }
  }

const claimOf = (member: { readonly memberId: string; readonly memberMetadata: Buffer }): MemberClaim => {
  const userData = AssignerProtocol.MemberMetadata.decode(member.memberMetadata)?.userData
  return {
    memberId: member.memberId,
    owned: userData === undefined || userData.length === 0 ? {} : (JSON.parse(userData.toString()) as PartitionsByTopic)
  }
}

const mutable = (partitions: PartitionsByTopic): Record<string, Array<number>> =>
  Object.fromEntries(Object.entries(partitions).map(([topic, list]) => [topic, [...list]]))
