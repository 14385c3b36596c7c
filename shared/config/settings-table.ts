/** Every shared setting as data: the README's table is checked against it, and defaults are read from it. */

interface SettingRow {
  readonly name: string
  /** Null where the setting is required or off by default. */
  readonly default: string | null
  readonly required: boolean
  /** Its value is never printed. */
  readonly secret: boolean
  readonly example: string
  readonly description: string
}

const row = (
  name: string,
  description: string,
  options: {
    readonly default?: string
    readonly required?: boolean
    readonly secret?: boolean
    readonly example?: string
  }
): SettingRow => ({
  name,
  default: options.default ?? null,
  required: options.required ?? false,
  secret: options.secret ?? false,
  example: options.example ?? options.default ?? "",
  description
})

export const settingsTable: ReadonlyArray<SettingRow> = [
  row("KAFKA_BROKERS", "Kafka's bootstrap servers, host:port, separated by commas.", {
    required: true,
    example: "localhost:9092"
  }),
  row("KAFKA_CLIENT_ID", "The name under which the programs appear in the broker's logs and quotas.", {
    default: "capi-relay"
  }),
  row("KAFKA_SSL", "Whether to speak TLS with the broker.", { default: "false", example: "true" }),
  row("KAFKA_SSL_CA", "A PEM file of the certificate authorities trusted for the broker; without it those of Node.", {
    example: "/etc/capi/kafka-ca.pem"
  }),
  row("KAFKA_SSL_CERT", "A PEM file of the client's certificate, for brokers that ask for one (mutual TLS).", {
    example: "/etc/capi/kafka-client.pem"
  }),
  row("KAFKA_SSL_KEY", "A PEM file of the certificate's private key.", { example: "/etc/capi/kafka-client.key" }),
  row("KAFKA_SSL_KEY_PASSWORD", "Opens the private key if it is encrypted.", { secret: true, example: "…" }),
  row(
    "KAFKA_ALLOW_PLAINTEXT",
    "Allows logins and certificates although KAFKA_SSL is off, and a token endpoint without TLS; refused without it.",
    { default: "false", example: "true" }
  ),
  row("KAFKA_SASL_MECHANISM", "plain, scram-sha-256, scram-sha-512 or oauthbearer.", { default: "plain" }),
  row("KAFKA_SASL_USERNAME", "The user at the broker; without it no SASL is used.", { example: "capi" }),
  row("KAFKA_SASL_PASSWORD", "The user's password.", { secret: true, example: "…" }),
  row("KAFKA_OAUTH_TOKEN_URL", "For oauthbearer: where a token is asked for (OAuth 2.0 client credentials).", {
    example: "https://login.example/oauth2/token"
  }),
  row("KAFKA_OAUTH_CLIENT_ID", "For oauthbearer: the client's id.", { example: "capi" }),
  row("KAFKA_OAUTH_CLIENT_SECRET", "For oauthbearer: the client's secret.", { secret: true, example: "…" }),
  row("KAFKA_OAUTH_SCOPE", "For oauthbearer: the scope that is asked for.", { example: "kafka" }),
  row("KAFKA_OAUTH_AUDIENCE", "For oauthbearer: the audience that is asked for.", { example: "kafka" }),
  row("KAFKA_OAUTH_EXTENSIONS", "For oauthbearer: extensions of the login, name=value, separated by commas.", {
    example: "logicalCluster=lkc-1,identityPoolId=pool-1"
  }),
  row("KAFKA_OAUTH_CA", "A PEM file of the certificate authorities trusted for the token endpoint.", {
    example: "/etc/capi/login-ca.pem"
  }),
  row(
    "KAFKA_SESSION_TIMEOUT",
    "An instance that sends no heartbeat for this long loses its partitions to the others.",
    {
      default: "30 seconds"
    }
  ),
  row(
    "KAFKA_COMPRESSION",
    "zstd or none: how larger batches of normalized and mapped events are written. none where a tool of yours reads them without Zstandard.",
    { default: "zstd", example: "none" }
  ),
  row("SCHEMA_REGISTRY_URL", "The Confluent-compatible schema registry.", {
    required: true,
    example: "http://localhost:8081"
  }),
  row("SCHEMA_REGISTRY_USERNAME", "The user at the registry (basic authentication).", { example: "capi" }),
  row("SCHEMA_REGISTRY_PASSWORD", "The user's password at the registry.", { secret: true, example: "…" }),
  row(
    "SCHEMA_REGISTRY_CA",
    "A PEM file of the certificate authorities trusted for the registry; without it those of Node.",
    { example: "/etc/capi/registry-ca.pem" }
  ),
  row("SCHEMA_REGISTRY_CERT", "A PEM file of the client's certificate, for registries that ask for one.", {
    example: "/etc/capi/registry-client.pem"
  }),
  row("SCHEMA_REGISTRY_KEY", "A PEM file of the certificate's private key.", {
    example: "/etc/capi/registry-client.key"
  }),
  row("SCHEMA_REGISTRY_KEY_PASSWORD", "Opens the private key if it is encrypted.", { secret: true, example: "…" }),
  row(
    "SCHEMA_REGISTRY_ALLOW_PLAINTEXT",
    "Allows a password and certificates although SCHEMA_REGISTRY_URL begins with http://; refused without it.",
    { default: "false", example: "true" }
  ),
  row(
    "CAPI_TOPIC_PREFIX",
    "Put before the name of every topic, consumer group, transactional id and registry subject, such as prod. (with the dot).",
    {
      default: "",
      example: "prod."
    }
  ),
  row(
    "CAPI_EVENT_LOG",
    "raw-events, or sealed-events: raw events are then sealed for each person, and a person can be erased (docs/erasure.md).",
    { default: "raw-events", example: "sealed-events" }
  ),
  row("CAPI_CONNECTIONS", "The file of connections.", { default: "connections.yaml" }),
  row(
    "CAPI_CONNECTIONS_EVERY",
    "How often running programs look at the file of connections for changes, which they then take, such as 5 seconds; 0 millis: it is read at the start alone.",
    { default: "0 millis", example: "5 seconds" }
  ),
  row("CAPI_CREDENTIALS_FILE", "The encrypted credential store.", { default: ".capi/credentials.json" }),
  row(
    "CAPI_MASTER_KEY",
    "Opens the credential store and seals personal data: 32 random bytes, passphrase:<text>, or a reference (file:path, vault:mount/path#field, aws:name); kept safe.",
    { secret: true, example: "$(openssl rand -base64 32)" }
  ),
  row(
    "CAPI_MASTER_KEY_PREVIOUS",
    "After a change of the master key, the earlier ones, separated by commas: they open what was sealed under them.",
    { secret: true, example: "the-key-before" }
  ),
  row(
    "CAPI_SECRETS_EVERY",
    "How often the master key and credentials that are references to files and secret stores are read again.",
    { default: "30 seconds" }
  ),
  row("VAULT_ADDR", "HashiCorp Vault, for references vault:mount/path; https://, or an agent on this machine.", {
    example: "https://vault.example:8200"
  }),
  row("VAULT_TOKEN", "The token for Vault; none is needed for an agent that adds it.", { secret: true, example: "…" }),
  row("VAULT_TOKEN_FILE", "A file of the token, read for each request: an agent replaces it before it expires.", {
    example: "/vault/secrets/token"
  }),
  row("VAULT_NAMESPACE", "The namespace in Vault.", { example: "growth" }),
  row("VAULT_CACERT", "A PEM file of the certificate authorities trusted for Vault.", {
    example: "/etc/capi/vault-ca.pem"
  }),
  row("STARTUP_TIMEOUT", "How long a program waits for broker, registry and topics at its start before it ends.", {
    default: "1 minute"
  }),
  row(
    "HOST",
    "The address on which /healthz, /readyz, /metrics and webhooks answer; 0.0.0.0 for all of the machine's.",
    {
      default: "127.0.0.1",
      example: "0.0.0.0"
    }
  ),
  row(
    "PORT",
    "Their port; 0 takes a free one and prints it. Several programs of one ./capi run take PORT, PORT + 1, …",
    { default: "0", example: "9464" }
  ),
  row("LOG_LEVEL", "All, Trace, Debug, Info, Warn, Error, Fatal or None.", { default: "Info" }),
  row("LOG_FORMAT", "json, pretty, or auto: pretty on a terminal, JSON elsewhere.", { default: "auto" }),
  row("NORMALIZER_RECORD_BYTES_MAX", "Longer raw records become dead letters, in bytes.", { default: "1048576" }),
  row("NORMALIZER_FUTURE_TOLERANCE", "How far ahead of the clock an event may be.", { default: "24 hours" }),
  row(
    "NORMALIZER_SCHEMA_TIMEOUT",
    "How long records of a new schema wait for a schema registry that does not respond; then they become dead letters.",
    { default: "30 seconds" }
  ),
  row("DEDUP_WINDOW", "How long the mapper remembers an event id; at most the retention of mapper-dedup.", {
    default: "24 hours"
  }),
  row(
    "DEDUP_IDS_MAX",
    "Event ids remembered for each partition, 28 to 39 bytes each; beyond it the oldest are evicted.",
    {
      default: "2500000"
    }
  ),
  row(
    "SUPPRESSIONS_MAX",
    "Identifiers of persons who were erased or withdrew consent, 32 to 48 bytes each; a program that would hold more does not start, or ends, so that none is forgotten.",
    { default: "5000000" }
  ),
  row("ERASURE_CHECK_EVERY", "How often the normalizer's program looks for erasures that are due.", {
    default: "1 minute"
  }),
  row(
    "CAPI_WEBHOOK_PORT",
    "The port on which delivery-whatsapp receives WhatsApp's webhooks; 0 takes a free port and prints it.",
    {
      default: "0",
      example: "8088"
    }
  ),
  row("CAPI_NOTIFICATIONS", "The file that says whom the notifier notifies of what (docs/health.md).", {
    default: "notifications.yaml"
  }),
  row("CAPI_INDEXER_FILE", "The indexer's file: where each event's records are, by keyed hashes (docs/trace.md).", {
    default: ".capi/event-index.sqlite"
  }),
  row("CAPI_INDEXER_RETENTION", "How long the index keeps where a record is; at most 26 days.", {
    default: "7 days"
  }),
  row(
    "CAPI_INDEXER_HOST",
    "The address on which the indexer answers lookups: HOST where the token is set, else loopback.",
    {
      example: "0.0.0.0"
    }
  ),
  row("CAPI_INDEXER_PORT", "Its port; 0 takes a free one and prints it.", { default: "0", example: "8091" }),
  row("CAPI_INDEXER_TOKEN", "What lookups must present, and ./capi trace and the console send; a long random text.", {
    secret: true,
    example: "$(openssl rand -base64 32)"
  }),
  row("CAPI_INDEXER_URL", "Where ./capi trace, ./capi explain and the console ask the indexer; without it they scan.", {
    example: "http://127.0.0.1:8091"
  }),
  row("CAPI_CONSOLE_HOST", "The address of the console's page and API; not on loopback they need CAPI_CONSOLE_TOKEN.", {
    default: "127.0.0.1",
    example: "0.0.0.0"
  }),
  row("CAPI_CONSOLE_PORT", "Their port; 0 takes a free port and prints it.", { default: "0", example: "8090" }),
  row(
    "CAPI_CONSOLE_TOKEN",
    "Who has it may read the console and act there (docs/console.md): at least 16 characters; without it loopback alone is served.",
    { secret: true, example: "$(openssl rand -base64 32)" }
  ),
  row("LEDGER_EVERY", "How often the health program accounts for all events; 0 millis switches it off.", {
    default: "1 minute"
  }),
  row(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "An OpenTelemetry collector (OTLP over HTTP); without it no telemetry is exported (docs/telemetry.md).",
    { example: "http://localhost:4318" }
  ),
  row("OTEL_EXPORTER_OTLP_HEADERS", "Headers for the collector, name=value, separated by commas.", {
    secret: true,
    example: "api-key=…"
  }),
  row(
    "OTEL_EXPORTER_OTLP_INSECURE",
    "Allows headers although the endpoint begins with http:// and is another machine; refused without it.",
    { default: "false", example: "true" }
  ),
  row("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json or http/protobuf.", { default: "http/json" }),
  row("OTEL_EXPORTER_OTLP_COMPRESSION", "none or gzip.", { default: "none", example: "gzip" }),
  row("OTEL_EXPORTER_OTLP_TIMEOUT", "How long a request to the collector may take, in milliseconds.", {
    default: "10000"
  }),
  row("OTEL_EXPORTER_OTLP_CERTIFICATE", "A PEM file of the certificate authorities trusted for the collector.", {
    example: "/etc/capi/otel-ca.pem"
  }),
  row("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "A PEM file of the client's certificate for the collector.", {
    example: "/etc/capi/otel-client.pem"
  }),
  row("OTEL_EXPORTER_OTLP_CLIENT_KEY", "A PEM file of the certificate's private key.", {
    example: "/etc/capi/otel-client.key"
  }),
  row("OTEL_SERVICE_NAME", "The name of the service in telemetry; capi-<program> where it is not set.", {
    example: "capi-normalizer"
  }),
  row("OTEL_RESOURCE_ATTRIBUTES", "Further attributes of the service, name=value, separated by commas.", {
    example: "deployment.environment.name=production"
  }),
  row("OTEL_SDK_DISABLED", "true switches telemetry off.", { default: "false", example: "true" }),
  row("OTEL_TRACES_EXPORTER", "otlp or none.", { default: "otlp", example: "none" }),
  row("OTEL_METRICS_EXPORTER", "otlp, beside /metrics, or none.", { default: "none", example: "otlp" }),
  row("OTEL_LOGS_EXPORTER", "otlp, beside standard output, or none.", { default: "none", example: "otlp" }),
  row(
    "OTEL_TRACES_SAMPLER",
    "Which events are traced: always_on, always_off, traceidratio, or one of these with parentbased_ before it: a producer's decision then holds. Errors are always traced.",
    { default: "parentbased_traceidratio" }
  ),
  row("OTEL_TRACES_SAMPLER_ARG", "The part of the events that traceidratio takes, from 0 to 1.", { default: "0.01" }),
  row(
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "Spans, and log records, that wait for the collector; more are dropped, and counted.",
    {
      default: "2048"
    }
  ),
  row("OTEL_BSP_SCHEDULE_DELAY", "How often spans are exported, in milliseconds.", { default: "5000" }),
  row("OTEL_METRIC_EXPORT_INTERVAL", "How often metrics are exported, in milliseconds.", { default: "60000" })
]
