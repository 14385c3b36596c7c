/** Reads one connection of the file. */

import { withoutTrailingSlashes } from "../config/settings.ts"
import { isReference, referenceForms } from "../credentials/reference.ts"
import type { ConnectorKind } from "../model/platform.ts"
import { connectorKinds, platformOf } from "../model/platform.ts"
import type { Connection, ConsentPolicy, EventFilter, LimitOptions } from "./connection.ts"
import type { ConnectorCatalog, ConnectorRules } from "./connector-rules.ts"
import { suggestion } from "./did-you-mean.ts"
import { lintEvents } from "./lint-events.ts"
import { actionSources } from "./names.ts"
import { readMapping } from "./read-mapping.ts"
import { readResilience } from "./read-resilience.ts"
import { quote, type Section } from "./section.ts"
import type { Found } from "./yaml-reader.ts"

/** A connection, and the section it was read from; null where something that identifies it is missing. */
export const readConnection = (section: Section, catalog: ConnectorCatalog): Connection | null => {
  const id = readId(section)
  const kind = readKind(section)
  const credential = readCredential(section)
  if (kind === null) {
    // Without a kind the rest cannot be judged; its keys are still those that may be here.
    section.allow(...connectionKeys)
    section.finish()
    return null
  }
  const rules = catalog.rulesOf(kind)
  const connection: Connection = {
    id: id ?? "",
    kind,
    platform: platformOf(kind),
    enabled: section.boolean("enabled", true),
    account: readAccount(section.section("account"), kind, rules),
    credential: credential ?? "",
    endpoint: readEndpoint(section.section("endpoint"), rules),
    events: readFilter(section.section("events")),
    mapping: readMapping(section.section("mapping"), kind, rules),
    limits: readLimits(section.section("limits"), rules),
    consent: readConsent(section.section("consent")),
    ...readOptionalResilience(section),
    testEventCode: section.text("test_event_code"),
    partnerName: readPartnerName(section, kind, rules)
  }
  section.finish()
  lintEvents(section, connection, catalog)
  return id === null || credential === null ? null : connection
}

const connectionKeys = [
  ...["id", "platform", "enabled", "account", "credential", "endpoint", "events", "mapping", "limits", "consent"],
  ...["resilience", "test_event_code", "partner_name"]
]

/** Keys that `defaults` may hold. */
export const defaultKeys = [
  ...["enabled", "events", "mapping", "limits", "consent", "resilience", "test_event_code", "partner_name"]
]

const idPattern = /^[a-z0-9][a-z0-9-]{0,62}$/

const readId = (section: Section): string | null => {
  const allowed = "lower-case letters, digits and dashes, at most 63, beginning with a letter or digit"
  const id = section.required("id", allowed)
  if (id === null || idPattern.test(id)) return id
  section.reader.error(section.find("id")!, `${quote(id)} is no id of a connection.`, allowed)
  return null
}

const readKind = (section: Section): ConnectorKind | null => {
  const platform = section.required("platform", connectorKinds.join(", "))
  const kind = connectorKinds.find((candidate) => candidate === platform)
  if (platform !== null && kind === undefined)
    section.reader.error(
      section.find("platform")!,
      `${quote(platform)} is no platform.${suggestion(platform, connectorKinds)}`,
      connectorKinds.join(", ")
    )
  return kind ?? null
}

const readCredential = (section: Section): string | null => {
  const credential = section.required("credential", referenceForms)
  if (credential === null || isReference(credential)) return credential
  // It may be the token itself, so it is not repeated.
  section.reader.error(section.find("credential")!, "This is no reference to a credential.", referenceForms)
  return null
}

const readAccount = (section: Section, kind: ConnectorKind, { account }: ConnectorRules) => {
  const values: Record<string, string> = {}
  for (const key of account.required) {
    const value = section.required(key, `an id, in quotes or bare, as ${kind} shows it`)
    if (value !== null) values[key] = value
  }
  for (const key of account.optional) {
    const value = section.text(key, "an id")
    if (value !== null) values[key] = value
  }
  const anyOf = account.anyOf ?? []
  if (anyOf.length > 0 && !anyOf.some((key) => values[key] !== undefined))
    section.reader.error(section.at, `${kind} needs one of these ids.`, anyOf.join(", "))
  for (const [key, value] of Object.entries(values))
    if (key.endsWith("_host")) values[key] = readHost(section, section.find(key)!)
    else if (!/^[\w.:@-]{1,200}$/.test(value))
      section.reader.error(section.find(key)!, `${quote(value)} cannot be an id.`, "letters, digits and . _ : @ -")
  section.finish()
  return values
}

const readEndpoint = (section: Section, { endpoint }: ConnectorRules) => {
  const found = section.find("host")
  const host = found === null ? endpoint.host : readHost(section, found)
  const version = section.text("version") ?? endpoint.version
  if (!/^[\w.-]*$/.test(version))
    section.reader.error(section.find("version")!, `${quote(version)} is no version.`, `such as ${endpoint.version}`)
  section.finish()
  return { host, version }
}

const readHost = (section: Section, found: Found): string => {
  const text = section.textOf(found, "a URL") ?? ""
  const host = withoutTrailingSlashes(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`)
  const url = URL.canParse(host) ? new URL(host) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "" || url.hash !== "")
    section.reader.error(found, `${quote(text)} is no address of a host.`, "https://name, http://name:port")
  else if (url.protocol === "http:" && !isLocal(url.hostname))
    section.reader.warn(found, "The credential would travel unencrypted.", "https://…")
  return host
}

const isLocal = (host: string): boolean =>
  /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|0\.0\.0\.0)$/.test(host) || !host.includes(".")

const readFilter = (section: Section): EventFilter => {
  const sources = section.texts("action_sources")
  for (const source of sources)
    if (!actionSources.some((known) => known === source.text))
      section.reader.error(
        source,
        `${quote(source.text)} is no action source.${suggestion(source.text, actionSources)}`,
        actionSources.join(", ")
      )
  const filter = {
    include: section.texts("include").map((found) => found.text),
    exclude: section.texts("exclude").map((found) => found.text),
    actionSources: sources.map((found) => found.text)
  }
  section.finish()
  return filter
}

const readLimits = (section: Section, { limits }: ConnectorRules): LimitOptions => {
  const options: LimitOptions = {
    profile: section.choice("profile", ["documented", "specification"], "documented"),
    eventsPerRequest: section.integer("events_per_request", 1, 10_000),
    bytesPerRequest: section.integer("bytes_per_request", 1_000, 100_000_000),
    requestsPerWindow: section.integer("requests_per_window", 1, 10_000_000),
    eventsPerWindow: section.integer("events_per_window", 1, 100_000_000),
    window: section.duration("window"),
    concurrency: section.integer("concurrency", 1, 1_000),
    linger: section.duration("linger")
  }
  const most = Math.max(limits.documented.eventsPerRequest, limits.specification.eventsPerRequest)
  if (options.eventsPerRequest !== null && options.eventsPerRequest > most)
    section.reader.warn(
      section.find("events_per_request")!,
      "The platform would refuse requests of so many events.",
      `1 to ${most}`
    )
  section.finish()
  return options
}

const readConsent = (section: Section): ConsentPolicy => {
  const policy = {
    onUnknown: section.choice("on_unknown", ["send", "skip"], "send"),
    onSaleDenied: section.choice("on_sale_denied", ["restrict", "skip"], "restrict")
  } satisfies ConsentPolicy
  const assume = section.choice("assume", ["nothing", "granted"], "nothing")
  section.finish()
  return assume === "granted" ? { ...policy, assume } : policy
}

const readOptionalResilience = (section: Section): Pick<Connection, "resilience"> => {
  const own = section.section("resilience")
  return section.find("resilience") === null ? {} : { resilience: readResilience(own) }
}

const readPartnerName = (section: Section, kind: ConnectorKind, rules: ConnectorRules): string | null => {
  const name = section.text("partner_name")
  const charactersMax = rules.partnerNameCharactersMax ?? Infinity
  if (name !== null && [...name].length > charactersMax)
    section.reader.error(
      section.find("partner_name")!,
      `${kind} takes at most ${charactersMax} characters; these are ${[...name].length}.`
    )
  return name
}
