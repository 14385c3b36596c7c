/** The panels of the dashboard, row by row. */
import { indexPanel, telemetryPanel } from "./other-panels.ts"

export interface Panel {
  readonly title: string
  readonly description: string
  readonly unit: string
  /** PromQL → legend. */
  readonly queries: Readonly<Record<string, string>>
  /** From the value on, in this colour; the first one from the bottom. */
  readonly thresholds?: ReadonlyArray<readonly [from: number | null, color: string]>
  readonly kind?: "timeseries" | "stat" | "state-timeline"
}

const chosen = `connection=~"$connection"`
const perSecond = (metric: string, by: string, labels = chosen) =>
  `sum by (${by}) (rate(${metric}{${labels}}[$__rate_interval]))`
const quantile = (share: number, metric: string, by: string, labels = chosen) =>
  `histogram_quantile(${share}, sum by (le, ${by}) (rate(${metric}_bucket{${labels}}[$__rate_interval])))`

/** The specification's bounds: a success rate of 90 and 70 %, a latency of 5 and 10 s. */
const successBounds = [
  [null, "red"],
  [0.7, "orange"],
  [0.9, "green"]
] as const
const latencyBounds = [
  [null, "green"],
  [5, "orange"],
  [10, "red"]
] as const
const circuitBounds = [
  [null, "green"],
  [1, "orange"],
  [2, "red"]
] as const

export const rows: ReadonlyArray<{ readonly title: string; readonly panels: ReadonlyArray<Panel> }> = [
  {
    title: "Connections",
    panels: [
      {
        title: "Success",
        description: "Events delivered or accepted, of those that were sent, in the last hour.",
        unit: "percentunit",
        kind: "stat",
        queries: {
          [`sum by (connection) (increase(capi_delivery_events_total{${chosen},outcome=~"delivered|accepted"}[1h])) / sum by (connection) (increase(capi_delivery_events_total{${chosen},outcome!="skipped"}[1h]))`]:
            "{{connection}}"
        },
        thresholds: successBounds
      },
      {
        title: "Circuit",
        description: "0 CLOSED, 1 HALF_OPEN, 2 OPEN.",
        unit: "short",
        kind: "state-timeline",
        queries: { [`max by (connection) (capi_delivery_circuit_state{${chosen}})`]: "{{connection}}" },
        thresholds: circuitBounds
      },
      {
        title: "Paused",
        description: "1 while the platform refuses the credential or the configuration.",
        unit: "short",
        kind: "state-timeline",
        queries: { [`max by (connection) (capi_delivery_paused{${chosen}})`]: "{{connection}}" },
        thresholds: [
          [null, "green"],
          [1, "red"]
        ]
      },
      {
        title: "Health",
        description: "0 healthy, 1 degraded, 2 unhealthy.",
        unit: "short",
        kind: "state-timeline",
        queries: { [`max by (connection) (capi_health_status{${chosen}})`]: "{{connection}}" },
        thresholds: circuitBounds
      },
      {
        title: "Waiting events",
        description: "Mapped events and delayed retries that wait for the connection.",
        unit: "short",
        queries: { [`max by (connection) (capi_health_waiting_events{${chosen}})`]: "{{connection}}" }
      },
      {
        title: "Age limit used",
        description: "How much of the platform's age limit the waiting event that expires first has used.",
        unit: "percent",
        queries: { [`max by (connection) (capi_health_age_limit_percent{${chosen}})`]: "{{connection}}" }
      },
      {
        title: "Since the last success",
        description: "Time since an event of the connection last succeeded.",
        unit: "s",
        queries: { [`time() - max by (connection) (capi_health_last_success_seconds{${chosen}})`]: "{{connection}}" }
      }
    ]
  },
  {
    title: "Delivery",
    panels: [
      {
        title: "Events by outcome",
        description: "Events a second with a final outcome.",
        unit: "eps",
        queries: { [perSecond("capi_delivery_events_total", "connection, outcome")]: "{{connection}} {{outcome}}" }
      },
      {
        title: "Requests by answer",
        description: "Requests a second by the class of the platform's answer.",
        unit: "reqps",
        queries: { [perSecond("capi_delivery_requests_total", "connection, class")]: "{{connection}} {{class}}" }
      },
      {
        title: "Latency of a request",
        description: "Median and 99th percentile.",
        unit: "s",
        queries: {
          [quantile(0.5, "capi_delivery_request_seconds", "connection")]: "{{connection}} p50",
          [quantile(0.99, "capi_delivery_request_seconds", "connection")]: "{{connection}} p99"
        },
        thresholds: latencyBounds
      },
      {
        title: "Rejections by reason",
        description: "Events that the platform or a rule refused.",
        unit: "eps",
        queries: { [perSecond("capi_delivery_rejections_total", "connection, reason")]: "{{connection}} {{reason}}" }
      },
      {
        title: "Batch fill",
        description: "Median of a request's events, as a part of the largest request allowed.",
        unit: "percentunit",
        queries: { [quantile(0.5, "capi_delivery_batch_fill_ratio", "connection")]: "{{connection}}" }
      },
      {
        title: "Sent and not received",
        description: "Events in answered requests less those that the platform says it received.",
        unit: "short",
        queries: {
          [`sum by (connection) (increase(capi_delivery_events_sent_total{${chosen}}[1h])) - sum by (connection) (increase(capi_delivery_events_received_total{${chosen}}[1h]))`]:
            "{{connection}}"
        }
      },
      {
        title: "Wait for the rate limiter",
        description: "99th percentile: near zero unless the limit is what holds delivery back.",
        unit: "s",
        queries: { [quantile(0.99, "capi_delivery_limiter_wait_seconds", "connection")]: "{{connection}}" }
      },
      {
        title: "Retries",
        description: "Requests a second that were sent again.",
        unit: "reqps",
        queries: { [perSecond("capi_delivery_retries_total", "connection")]: "{{connection}}" }
      },
      {
        title: "Connection pool",
        description: "Requests under way and waiting.",
        unit: "short",
        queries: {
          [`sum by (connection) (capi_delivery_pool_active_requests{${chosen}})`]: "{{connection}} active",
          [`sum by (connection) (capi_delivery_pool_waiting_requests{${chosen}})`]: "{{connection}} waiting"
        }
      }
    ]
  },
  {
    title: "Stream",
    panels: [
      {
        title: "Lag",
        description: "Records behind the end of the topic.",
        unit: "short",
        queries: { "sum by (processor) (capi_lag_records)": "{{processor}}" }
      },
      {
        title: "Records",
        description: "Records a second, read and written.",
        unit: "eps",
        queries: {
          [perSecond("capi_records_read_total", "processor", "")]: "{{processor}} read",
          [perSecond("capi_records_written_total", "processor", "")]: "{{processor}} written"
        }
      },
      {
        title: "Time of a transaction",
        description: "99th percentile, from its first record to its commit.",
        unit: "s",
        queries: { [quantile(0.99, "capi_commit_seconds", "processor", "")]: "{{processor}}" }
      },
      {
        title: "Partitions opened again",
        description: "Partitions closed by a failure in the last hour. A few at a deployment are normal.",
        unit: "short",
        queries: { "sum by (processor) (increase(capi_partition_reopenings_total[1h]))": "{{processor}}" }
      },
      {
        title: "Bytes in flight",
        description: "Fetched, and their outputs not yet at the broker.",
        unit: "bytes",
        queries: { "sum by (processor) (capi_in_flight_bytes)": "{{processor}}" }
      },
      {
        title: "Memory",
        description: "Resident memory of each process.",
        unit: "bytes",
        queries: { capi_process_resident_memory_bytes: "{{instance}}" }
      }
    ]
  },
  {
    title: "Guarantees and notifications",
    panels: [
      {
        title: "Ledger",
        description:
          "Events that a stage has passed without a trace: always 0. Open: some connection has no outcome of them yet.",
        unit: "short",
        queries: { "max(capi_ledger_missing_events)": "missing", "max(capi_ledger_open_events)": "open" }
      },
      {
        title: "Records lost or set aside",
        description:
          "Records that retention removed before they were processed, and records that ended their processor and became dead letters: always 0.",
        unit: "short",
        queries: {
          "sum by (processor, topic) (increase(capi_records_lost_total[1h]))": "{{processor}} {{topic}} lost",
          "sum by (processor, topic) (increase(capi_poison_records_total[1h]))": "{{processor}} {{topic}} dead letters"
        }
      },
      {
        title: "Commits",
        description: "Transactions a second.",
        unit: "cps",
        queries: { "sum by (processor) (rate(capi_commits_total[$__rate_interval]))": "{{processor}}" }
      },
      {
        title: "Suppressed identifiers",
        description:
          "Identifiers of persons who were erased or withdrew consent, and how many a program holds at most before it ends.",
        unit: "short",
        queries: {
          "max by (instance) (capi_suppressions_ids)": "{{instance}}",
          "max by (instance) (capi_suppressions_ids_max)": "{{instance}} at most"
        }
      },
      {
        title: "Group offsets that fail",
        description: "Commits of the offsets of connections' groups that failed: lag tools show such a group behind.",
        unit: "short",
        queries: { "sum by (instance) (increase(capi_group_offset_failures_total[1h]))": "{{instance}} in 1 h" }
      },
      {
        title: "Partitions stuck",
        description: "Partitions with records to process that committed nothing, or did not open, for five minutes.",
        unit: "short",
        queries: { "max by (processor) (capi_partitions_stuck)": "{{processor}}" }
      },
      {
        title: "Dependencies",
        description: "1 where it is healthy.",
        unit: "short",
        kind: "state-timeline",
        queries: { "min by (instance, dependency) (capi_dependency_healthy)": "{{instance}} {{dependency}}" }
      },
      {
        title: "Notifications",
        description:
          "Changes of problems that receivers took, those that wait, and requests that were not taken, by receiver.",
        unit: "short",
        queries: {
          "sum by (receiver) (increase(capi_notifier_sent_total[1h]))": "{{receiver}} taken in 1 h",
          "max by (receiver) (capi_notifier_pending_changes)": "{{receiver}} waiting",
          "sum by (receiver, reason) (increase(capi_notifier_failures_total[1h]))": "{{receiver}} {{reason}} in 1 h"
        }
      },
      {
        title: "Receivers",
        description: "1 while a receiver takes nothing.",
        unit: "short",
        kind: "state-timeline",
        queries: { "max by (receiver) (capi_notifier_receiver_failing)": "{{receiver}}" },
        thresholds: [
          [null, "green"],
          [1, "red"]
        ]
      },
      indexPanel,
      telemetryPanel
    ]
  }
]
