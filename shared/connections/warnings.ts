/** What is likely a mistake in a connection that is valid: event names against the catalog, hosts, limits and times. */
import * as Duration from "effect/Duration"
import type { Connection } from "./connection.ts"
import { type ConnectorCatalog, envelopeBytes } from "./connector-rules.ts"
import { didYouMean, suggestion } from "./did-you-mean.ts"
import { quote } from "./yaml-tree.ts"

/** `path` below the connection. */
type Warn = (path: ReadonlyArray<PropertyKey>, message: string, allowed?: string) => void

export const warnOf = (connection: Connection, catalog: ConnectorCatalog, warn: Warn): void => {
  warnOfEventNames(connection, catalog, warn)
  warnOfPlainHosts(connection, warn)
  warnOfLimits(connection, catalog, warn)
  if (connection.enabled && connection.testEventCode !== null)
    warn(["test_event_code"], "Events are sent as tests: remove it once they have been seen to arrive.")
  const { firstProbe = null, probeMax = null } = connection.resilience?.pause ?? {}
  if (firstProbe !== null && probeMax !== null && Duration.toMillis(probeMax) < Duration.toMillis(firstProbe))
    warn(["resilience", "pause"], "probe_max is below first_probe.", "a longer time")
}

const warnOfEventNames = (connection: Connection, catalog: ConnectorCatalog, warn: Warn): void => {
  const { canonicalEvents, canonicalName } = catalog
  const { events, mapping } = connection
  const mapped = [...Object.keys(mapping.events), ...Object.keys(mapping.templates)]
  const known = new Set([...canonicalEvents, ...mapped])
  const isOfTool = (name: string): boolean => mapping.eventNames !== "exact" && canonicalName(name) !== name
  for (const key of ["include", "exclude"] as const)
    for (const [index, name] of events[key].entries())
      if (!known.has(name) && !isOfTool(name))
        warn(
          ["events", key, index],
          `${quote(name)} is neither a canonical event nor mapped by this connection.${suggestion(name, known)}`
        )
  // A custom name that differs from a canonical one by a character is most likely a slip.
  for (const key of ["events", "templates"] as const)
    for (const name of Object.keys(mapping[key])) {
      const meant = canonicalEvents.includes(name) ? null : didYouMean(name, canonicalEvents)
      if (meant !== null && name.length > 3 && Math.abs(name.length - meant.length) <= 1)
        warn(["mapping", key, name], `${quote(name)} is not a canonical event. Did you mean ${meant}?`)
    }
  if (catalog.rulesOf(connection.kind).messageTemplates === true) {
    if (connection.enabled && Object.keys(mapping.templates).length === 0)
      warn([], "Without templates this connection sends nothing.", "mapping: templates: …")
    return
  }
  const { standard } = catalog.eventNamesOf(connection.kind)
  for (const [name, { to }] of Object.entries(mapping.events)) {
    const near = to === null || standard.includes(to) ? null : didYouMean(to, standard, slipChangesMax)
    if (near !== null)
      warn(["mapping", "events", name], `${quote(to!)} will be sent as a custom event. Did you mean ${near}?`)
  }
}

/** A custom name that differs from a standard one by more characters is meant as it stands. */
const slipChangesMax = 1

const warnOfPlainHosts = ({ account, endpoint }: Connection, warn: Warn): void => {
  const hosts = Object.entries(account).filter(([key]) => key.endsWith("_host"))
  for (const [path, host] of [
    [["endpoint", "host"], endpoint.host] as const,
    ...hosts.map(([key, host]) => [["account", key], host] as const)
  ]) {
    const url = new URL(host)
    if (url.protocol === "http:" && !isLocal(url.hostname))
      warn(path, "The credential would travel unencrypted.", "https://…")
  }
}

const isLocal = (host: string): boolean =>
  /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|0\.0\.0\.0)$/.test(host) || !host.includes(".")

const warnOfLimits = ({ kind, limits }: Connection, catalog: ConnectorCatalog, warn: Warn): void => {
  const { documented, specification } = catalog.rulesOf(kind).limits
  const most = Math.max(documented.eventsPerRequest, specification.eventsPerRequest)
  if (limits.eventsPerRequest !== null && limits.eventsPerRequest > most)
    warn(["limits", "events_per_request"], "The platform would refuse requests of so many events.", `1 to ${most}`)
  const { bytesPerRequest } = limits
  if (bytesPerRequest !== null && bytesPerRequest < 2 * envelopeBytes)
    warn(
      ["limits", "bytes_per_request"],
      bytesPerRequest <= envelopeBytes
        ? `Every event would be refused (payload_too_large), since ${envelopeBytes} bytes are kept for what surrounds the events.`
        : `Larger events than ${bytesPerRequest - envelopeBytes} bytes would be refused (payload_too_large), since ${envelopeBytes} are kept for what surrounds the events.`,
      `${2 * envelopeBytes} and more`
    )
}
