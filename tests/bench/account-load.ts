/** Many accounts of Meta: their connections, and purchases as the mapper writes them for each. */
import type { NormalizedEvent } from "../../schemas/types.gen.ts"
import type { Codecs } from "../../shared/codec/codecs.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { mapForConnection } from "../../shared/connectors/mapping/map.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import type { ProducedRecord } from "../../shared/kafka/client.ts"
import { headerNames, topicNames } from "../../shared/model/topics.ts"
import { corePipeline } from "./core-pipeline.ts"
import { purchase } from "./purchases.ts"

export interface Account {
  readonly dataset: string
  readonly connection: Connection
}

/** So many, numbered from `first` on. */
export const accountsOf = (count: number, first = 0): ReadonlyArray<Account> =>
  Array.from({ length: count }, (_, index) => {
    const dataset = String(1_000_000_000 + first + index)
    const id = `account-${first + index}`
    const connection = { ...builtinConnection("meta"), id, account: { dataset_id: dataset } }
    return { dataset, connection }
  })

/**
 * Their `connections.yaml`, without limits of the rate.
 *
 * @param host where the requests go
 * @param limits further lines under `limits`
 * @param resilience under `resilience`, in YAML's flow style
 */
export const connectionsOf = (
  accounts: ReadonlyArray<Account>,
  host: string,
  limits: Readonly<Record<string, string | number>> = {},
  resilience = "{}"
): string => {
  const all = { requests_per_window: 10_000_000, events_per_window: 100_000_000, ...limits }
  const texts = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  const defaults = ["mapping: { default_country: US }", `limits: { ${texts.join(", ")} }`, `resilience: ${resilience}`]
  const entries = accounts.map((account) => connectionEntry(account, host))
  return `version: 1\ndefaults:\n  ${defaults.join("\n  ")}\nconnections:\n${entries.join("\n")}\n`
}

/** The text of a file whose list of connections is at its end, with further accounts up to `count` connections. */
export const withAccounts = (text: string, count: number, host: string): string => {
  const present = connectionsIn(text)
  if (count < present) throw new Error(`The file has ${present} connections, more than ${count}.`)
  const further = accountsOf(count - present).map((account) => connectionEntry(account, host))
  return `${[text.trimEnd(), ...further].join("\n")}\n`
}

/** How many connections the text of a file has. */
export const connectionsIn = (text: string): number => text.match(/^ {2}- id:/gm)?.length ?? 0

/** An element of the list of connections. */
const connectionEntry = ({ dataset, connection }: Account, host: string): string =>
  [
    `  - id: ${connection.id}`,
    "    platform: meta",
    `    account: { dataset_id: ${dataset} }`,
    "    credential: env:BENCH_TOKEN",
    `    endpoint: { host: "${host}" }`
  ].join("\n")

/** A published event: its record for each account that it is for. */
export interface LoadEvent {
  readonly id: string
  readonly records: ReadonlyArray<ProducedRecord>
}

/**
 * The purchase of a number as the mapper writes it for accounts.
 *
 * @param prefix before the topic's name
 * @param now milliseconds since the epoch
 */
export const loadEvents = (codecs: Codecs["Service"], prefix: string, now: number) => {
  const core = corePipeline(now, "none")
  const topic = topicNames.mapped("meta")
  const record = (event: NormalizedEvent, { connection }: Account): ProducedRecord => {
    const mapped = mapForConnection(event, connection, connectorFor("meta"), now)
    if (mapped._tag !== "Mapped") throw new Error(mapped.message)
    return {
      topic: prefix + topic,
      key: event.event_id,
      value: codecs.encode(topic, "mapped-event", mapped.event),
      headers: { [headerNames.connection]: connection.id }
    }
  }
  return (index: number, accounts: ReadonlyArray<Account>): LoadEvent => {
    const event = core.normalized(purchase(index, now))
    return { id: event.event_id, records: accounts.map((account) => record(event, account)) }
  }
}
