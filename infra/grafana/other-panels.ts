/** Panels of what events do not pass: the index, and the export of telemetry. */

export const indexPanel = {
  title: "Index of events",
  description: "Records not read yet and read in a second; entries and bytes of the file; p95 of lookups in seconds.",
  unit: "short",
  queries: {
    "max by (instance) (capi_indexer_lag_records)": "{{instance}} behind",
    "sum by (instance) (rate(capi_indexer_records_total[$__rate_interval]))": "{{instance}} read",
    "max by (instance) (capi_indexer_entries)": "{{instance}} entries",
    "max by (instance) (capi_indexer_file_bytes)": "{{instance}} bytes",
    "histogram_quantile(0.95, sum by (le) (rate(capi_indexer_lookup_seconds_bucket[$__rate_interval])))":
      "p95 of lookups"
  }
}

export const telemetryPanel = {
  title: "Telemetry",
  description: "Spans, log records and sets of metrics a second that the OpenTelemetry collector took, or did not get.",
  unit: "cps",
  queries: {
    "sum by (signal) (rate(capi_telemetry_exported_total[$__rate_interval]))": "{{signal}} taken",
    "sum by (signal, reason) (rate(capi_telemetry_dropped_total[$__rate_interval]))": "{{signal}} {{reason}}"
  }
}
