/** The labels of each metric: which a series has shows only while a program runs, so they are listed here. */

export const labelMeanings: Readonly<Record<string, string>> = {
  processor:
    "the name of the consumer group's processor: `normalizer`, `mapper`, `health`, or `delivery-<platform>.<connection>`",
  topic: "the topic, without prefix",
  partition: "the partition's number; a connection's series has none, since it counts all partitions together",
  connection: "the id of the connection in `connections.yaml`",
  platform: "the connection's platform",
  dependency: "what `/readyz` names: the broker, the registry, topics, a processor, the master key",
  class:
    "what the platform's answer means: `delivered`, `accepted`, `duplicate`, `invalid_event`, `throttled`, `transient`, `auth`, `configuration`, `unknown`",
  outcome: "the [outcome](outcomes.md)",
  reason: "the [reason code](outcomes.md#reasons), for platforms' codes without what stands behind a slash",
  field: "the field that was left out, such as `user.phone`",
  cause: "why: `age` or `size`",
  receiver: "the id of the receiver in `notifications.yaml`",
  event: "what was sent of a problem: its begin, a change, a reminder or its end"
}

const ofPartition = ["processor", "topic", "partition"]
const ofConnection = ["connection", "platform"]

/** Of the metrics that have some. */
export const metricLabels: Readonly<Record<string, ReadonlyArray<string>>> = {
  capi_records_read_total: ["processor", "topic"],
  capi_read_bytes_total: ["processor"],
  capi_batches_total: ["processor"],
  capi_records_written_total: ["processor"],
  capi_commits_total: ["processor"],
  capi_commit_seconds: ["processor"],
  capi_partition_reopenings_total: ["processor"],
  capi_records_lost_total: ofPartition,
  capi_poison_records_total: ["processor"],
  capi_partitions_owned: ["processor"],
  capi_lag_records: ofPartition,
  capi_in_flight_bytes: ofPartition,
  capi_partition_paused: ofPartition,
  capi_partition_open_seconds: ofPartition,
  capi_dependency_healthy: ["dependency"],
  capi_partitions_stuck: ["processor"],
  capi_delivery_pool_open_connections: ofConnection,
  capi_delivery_pool_active_requests: ofConnection,
  capi_delivery_pool_waiting_requests: ofConnection,
  capi_delivery_requests_total: [...ofConnection, "class"],
  capi_delivery_request_seconds: ofConnection,
  capi_delivery_batch_fill_ratio: ofConnection,
  capi_delivery_events_total: [...ofConnection, "outcome"],
  capi_delivery_final_outcomes_total: [...ofConnection, "outcome"],
  capi_delivery_retries_total: ofConnection,
  capi_delivery_rejections_total: [...ofConnection, "reason"],
  capi_delivery_events_sent_total: ofConnection,
  capi_delivery_events_received_total: ofConnection,
  capi_delivery_limiter_wait_seconds: ofConnection,
  capi_delivery_circuit_state: ofConnection,
  capi_delivery_paused: ofConnection,
  capi_delivery_credential_expires_timestamp_seconds: ofConnection,
  capi_delivery_batch_size_events: ofConnection,
  capi_delivery_batch_improvement_percent: ofConnection,
  capi_sealer_secrets: ["partition"],
  capi_sealer_secrets_bytes: ["partition"],
  capi_normalizer_dead_letters_total: ["reason"],
  capi_normalizer_dropped_fields_total: ["field", "reason"],
  capi_dedup_ids: ["partition"],
  capi_dedup_bytes: ["partition"],
  capi_dedup_evictions_total: ["cause"],
  capi_mapper_events_total: ["connection", "outcome", "reason"],
  capi_health_status: ["connection"],
  capi_health_success_percent: ["connection"],
  capi_health_waiting_events: ["connection"],
  capi_health_age_limit_percent: ["connection"],
  capi_health_last_success_seconds: ["connection"],
  capi_notifier_sent_total: ["receiver", "event"],
  capi_notifier_failures_total: ["receiver", "reason"],
  capi_notifier_pending_changes: ["receiver"],
  capi_notifier_receiver_failing: ["receiver"],
  capi_indexer_records_total: ["topic"]
}
