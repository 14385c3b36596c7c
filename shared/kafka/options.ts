/** The configuration of a Kafka client; everything but the brokers has a default. */
import type { SaslSettings } from "../config/transport.ts"
import type { TlsOptions } from "../http/http-request.ts"

export interface KafkaOptions {
  /** Bootstrap servers, host:port. */
  readonly brokers: ReadonlyArray<string>
  readonly clientId?: string
  readonly ssl?: boolean | TlsOptions
  readonly sasl?: SaslSettings
  readonly connectionTimeoutMillis?: number
  readonly requestTimeoutMillis?: number
  /** A member that sends no heartbeat for this long loses its partitions. */
  readonly sessionTimeoutMillis?: number
  /** How long a fetch waits for records; also the longest delay of a seek, a pause and a resume. Longer where nothing comes (`long-fetch.ts`). */
  readonly fetchWaitMillis?: number
  readonly fetchBytesPerPartition?: number
  readonly fetchBytesMax?: number
  /** Records are written in batches of at most this many bytes after compression; a larger record goes alone. Below the broker's `message.max.bytes`. */
  readonly produceBatchBytes?: number
  /** Bytes of a request's records before compression; each holds batches of several partitions. */
  readonly produceRequestBytes?: number
  /** The broker aborts a transaction that is open for longer; until then readers of its partitions wait. */
  readonly transactionTimeoutMillis?: number
  /** Which topics' larger batches are written with Zstandard; without it none. Every reader of such a topic must know that compression. */
  readonly compressedTopics?: (topic: string) => boolean
  /**
   * Which topics anyone may write to: a batch that is damaged there comes as records without values. In the others, and without it in all,
   * nothing that follows is read, since the records may be good.
   */
  readonly writtenByOthers?: (topic: string) => boolean
}

export type ResolvedKafkaOptions = Required<Omit<KafkaOptions, "sasl">> & Pick<KafkaOptions, "sasl">

export const resolveKafkaOptions = (options: KafkaOptions): ResolvedKafkaOptions => ({ ...defaults, ...options })

const defaults = {
  clientId: "capi-relay",
  ssl: false,
  connectionTimeoutMillis: 5_000,
  requestTimeoutMillis: 30_000,
  sessionTimeoutMillis: 30_000,
  fetchWaitMillis: 200,
  fetchBytesPerPartition: 524_288,
  fetchBytesMax: 10_485_760,
  produceBatchBytes: 900_000,
  produceRequestBytes: 4_000_000,
  transactionTimeoutMillis: 30_000,
  compressedTopics: () => false,
  writtenByOthers: () => false
} satisfies Partial<KafkaOptions>
