/**
 * What a check of a cluster asks for beside the port that programs work with (`client.ts`): its brokers as they advertise
 * themselves, what they can do, where the copies of topics are, and what this user may do. Names are the broker's (with prefix).
 * `kafkajs/inspection.ts` implements it.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { KafkaError, TopicOperation } from "./client.ts"

/** A broker under the address that it advertises to clients. */
export interface AdvertisedBroker {
  readonly id: number
  readonly host: string
  readonly port: number
}

export interface BrokerAbilities {
  /** Kafka's release, such as `4.1`, as far as the broker's newest metadata version shows it; null where it shows none. */
  readonly release: string | null
  /** The newest version of each request (by its key in the protocol) that the broker takes. */
  readonly newestVersions: ReadonlyMap<number, number>
}

export interface TopicCopies {
  readonly partitions: number
  /** Of the partition with the fewest. */
  readonly replicas: number
  /** Of the partition with the fewest. */
  readonly inSync: number
  /** Partitions without a leader: they can be neither read nor written. */
  readonly leaderless: number
}

export class ClusterInspection extends Context.Service<
  ClusterInspection,
  {
    /** By the bootstrap server that answers first; no advertised address is used. */
    readonly brokers: Effect.Effect<ReadonlyArray<AdvertisedBroker>, KafkaError>
    /** Of the bootstrap server. */
    readonly abilities: Effect.Effect<BrokerAbilities, KafkaError>
    /** Topics that do not exist, or that this user may not see, are left out. */
    readonly copies: (topics: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, TopicCopies>, KafkaError>
    /** What this user may do with groups, whether they exist or not. */
    readonly groupOperations: (
      groups: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyMap<string, ReadonlySet<TopicOperation>>, KafkaError>
    /** Fails with `unauthorized` where this user may not even see the transactional id. */
    readonly seeTransactionalId: (id: string) => Effect.Effect<void, KafkaError>
  }
>()("shared/kafka/ClusterInspection") {}
