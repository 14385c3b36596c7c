/** The panel of the indexer. */
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
