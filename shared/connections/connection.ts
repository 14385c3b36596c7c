/** A connection as the programs see it, after `connections.yaml` was read, checked and completed with defaults. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import { withoutTrailingSlashes } from "../config/transport.ts"
import { isReference, referenceForms } from "../credentials/credential.ts"
import { type ConnectorKind, connectorKinds, type Platform, platformOf } from "../model/platform.ts"
import type { ConnectorCatalog, ConnectorRules } from "./connector-rules.ts"
import { suggestion } from "./did-you-mean.ts"
import { consent, eventFilter, limits } from "./event-options.ts"
import {
  boolean,
  camelGroup,
  decodeOptions,
  type Field,
  group,
  invalid,
  optional,
  orEmpty,
  refine,
  string,
  stringOrNull
} from "./fields.ts"
import { type MappingOptions, mappingOptions } from "./mapping-options.ts"
import { type ResilienceOptions, resilience } from "./resilience-options.ts"
import { groupShape, patternShape, type Shape, shapeOf, wordsShape } from "./shape.ts"
import type { TreeGroup } from "./yaml-tree.ts"
import { quote } from "./yaml-tree.ts"

export type { Condition, MappingOptions, ParameterRule } from "./mapping-options.ts"

export interface Connection {
  /** Unique, `[a-z0-9][a-z0-9-]*`; part of the consumer group's name. */
  readonly id: string
  readonly kind: ConnectorKind
  readonly platform: Platform
  readonly enabled: boolean
  /** The platform's account ids (dataset_id, pixel_id, operating_account_id, …). */
  readonly account: Readonly<Record<string, string>>
  /** `env:NAME` or `store:NAME`. */
  readonly credential: string
  /** Host and version, the connector's where not overridden. No trailing slash. */
  readonly endpoint: { readonly host: string; readonly version: string }
  readonly events: EventFilter
  readonly mapping: MappingOptions
  readonly limits: LimitOptions
  readonly consent: ConsentPolicy
  /** Absent: the specification's values. */
  readonly resilience?: ResilienceOptions
  /** Marks requests as tests, where the platform knows such a code. */
  readonly testEventCode: string | null
  /** Sent as partner_agent, partner_name or integration. */
  readonly partnerName: string | null
}

export type EventFilter = Schema.Schema.Type<typeof eventFilter>
export type LimitOptions = Schema.Schema.Type<typeof limits>

/** What happens with each value of the customer's consent. Denied ad_user_data is never sent, whatever stands here. */
export interface ConsentPolicy {
  /** Events whose ad_user_data is unknown: send (default) or skip. */
  readonly onUnknown: "send" | "skip"
  /** Events whose ad_user_data is unknown, of customers in the EEA, the UK or Switzerland: skipped (absent) or sent as `onUnknown` says. */
  readonly onUnknownInEurope?: "send"
  /** Events of no known country count as from elsewhere (absent) or as from Europe. */
  readonly unknownCountry?: "europe"
  /** The platform's id in IAB's Global Vendor List: nothing is sent where a TC string has no consent for it. Absent: not looked at. */
  readonly tcfVendor?: number
  /** Sale of data denied: `restrict` sends with the platform's restricted-use flags, `skip` sends nothing. */
  readonly onSaleDenied: "restrict" | "skip"
  /** `granted`: whoever publishes the events asked already, so an absent ad_user_data or ad_personalization is granted. */
  readonly assume?: "granted"
}

/** By which countries' rules the connections have national phone numbers read: ISO 3166-1 alpha-2, sorted. */
export const defaultCountriesOf = (connections: ReadonlyArray<Pick<Connection, "mapping">>): ReadonlyArray<string> =>
  [...new Set(connections.flatMap(({ mapping }) => mapping.defaultCountry ?? []))].sort()

/** The vendors whose consent a TC string must have for one of these connections, sorted. */
export const tcfVendorsOf = (connections: ReadonlyArray<Pick<Connection, "consent">>): ReadonlyArray<number> =>
  [...new Set(connections.flatMap(({ consent }) => consent.tcfVendor ?? []))].sort((left, right) => left - right)

/** Keys that `defaults` may hold. */
export const defaultKeys = [
  ...["enabled", "events", "mapping", "limits", "consent", "resilience", "test_event_code", "partner_name"]
]

type OrIssue<A> = A | SchemaIssue.Issue

type ConnectionDecoder = (tree: TreeGroup) => Result.Result<Connection | null, SchemaIssue.Issue>

/** Reads a connection by the schema of its kind. Fails also where the kind is not known. */
export const connectionDecoder = (catalog: ConnectorCatalog): ConnectionDecoder => {
  const made = decoders.get(catalog) ?? makeDecoder(catalog)
  decoders.set(catalog, made)
  return made
}

/** Making the schemas of a kind takes as long as reading a hundred connections. */
const decoders = new WeakMap<ConnectorCatalog, ConnectionDecoder>()

const makeDecoder = (catalog: ConnectorCatalog): ConnectionDecoder => {
  const kindOf = SchemaParser.decodeUnknownResult(connectionKind)
  const byKind = new Map<ConnectorKind, ConnectionDecoder>()
  const ofKind = (kind: ConnectorKind): ConnectionDecoder => {
    const made =
      byKind.get(kind) ??
      SchemaParser.decodeUnknownResult<Field<Connection | null>>(connectionOf(kind, catalog), decodeOptions)
    byKind.set(kind, made)
    return made
  }
  return (tree) => {
    const kind = kindOf(tree["platform"])
    return (Result.isSuccess(kind) ? ofKind(kind.success) : readUnknownKind)(tree)
  }
}

/** The form of a connection of this kind as the file writes it. */
export const connectionShape = (kind: ConnectorKind, catalog: ConnectorCatalog): Shape =>
  shapeOf(connectionOf(kind, catalog))

/** A connection of this kind as the file writes it. */
const connectionOf = (kind: ConnectorKind, catalog: ConnectorCatalog): Field<Connection> => {
  const rules = catalog.rulesOf(kind)
  return refine(
    camelGroup({
      id,
      platform: connectionKind,
      enabled: optional(boolean, true),
      account: account(kind, rules),
      credential,
      endpoint: orEmpty(camelGroup({ host: optional(host, null), version: optional(version(rules), null) })),
      events: orEmpty(eventFilter),
      mapping: orEmpty(mappingOptions(kind, rules, catalog.eventNamesOf(kind))),
      limits: orEmpty(limits),
      consent: orEmpty(consent),
      resilience: optional(resilience, null),
      test_event_code: optional(stringOrNull(), null),
      partner_name: optional(partnerName(kind, rules), null)
    }),
    ({ platform: _, resilience, endpoint, consent, ...read }): Connection => ({
      ...read,
      kind,
      platform: platformOf(kind),
      endpoint: { host: endpoint.host ?? rules.endpoint.host, version: endpoint.version ?? rules.endpoint.version },
      consent: {
        onUnknown: consent.onUnknown,
        onSaleDenied: consent.onSaleDenied,
        ...(consent.onUnknownInEurope === "send" ? { onUnknownInEurope: "send" } : {}),
        ...(consent.unknownCountry === "europe" ? { unknownCountry: "europe" } : {}),
        ...(consent.assume === "granted" ? { assume: "granted" } : {}),
        ...tcfVendorOf(consent.tcfVendor, rules)
      },
      ...(resilience === null ? {} : { resilience })
    })
  )
}

const tcfVendorOf = (given: number | null, rules: ConnectorRules): Pick<ConsentPolicy, "tcfVendor"> => {
  const vendor = given ?? rules.tcfVendor ?? 0
  return vendor === 0 ? {} : { tcfVendor: vendor }
}

const connectionKind: Field<ConnectorKind> = refine(
  string(connectorKinds.join(", ")),
  (text): OrIssue<ConnectorKind> => {
    const kind = connectorKinds.find((candidate) => candidate === text)
    return (
      kind ?? invalid(`${quote(text)} is not a platform.${suggestion(text, connectorKinds)}`, connectorKinds.join(", "))
    )
  },
  () => wordsShape(connectorKinds)
)

const idForm = "a-z, 0-9 and dashes, at most 63, beginning with a letter or digit"

const id = refine(
  string(idForm),
  (text): OrIssue<string> =>
    /^[a-z0-9][a-z0-9-]{0,62}$/.test(text) ? text : invalid(`${quote(text)} is not a connection id.`, idForm),
  () => ({ ...patternShape("[a-z0-9][a-z0-9-]{0,62}", "id"), type: ["string", "number", "boolean"] })
)

const credential = refine(
  string(referenceForms),
  (reference): OrIssue<string> =>
    // It may be the token itself, so it is not repeated.
    isReference(reference) ? reference : invalid("This is not a reference to a credential.", referenceForms),
  () => patternShape("(?:env|store|file|vault|aws):[\\s\\S]+", "reference")
)

/** Where the kind is not known, keys are checked as far as they are the same for every kind. */
const ofUnknownKind = group({
  ...Object.fromEntries(
    [...defaultKeys, "account", "endpoint"].map((key) => [key, Schema.optionalKey(Schema.Unknown)])
  ),
  id,
  platform: connectionKind,
  credential
})

const readUnknownKind = SchemaParser.decodeUnknownResult(
  refine(ofUnknownKind, () => null),
  decodeOptions
)

const account = (kind: ConnectorKind, { account }: ConnectorRules) => {
  const anyOf = account.anyOf ?? []
  const required = account.required.map(
    (key) => [key, refine(string(`an id, in quotes or bare, as ${kind} shows it`), accountValue(key))] as const
  )
  const others = account.optional.map(
    (key) => [key, optional(refine(stringOrNull("an id"), accountValue(key)), null)] as const
  )
  const keys: Readonly<Record<string, Field<string | null> | ReturnType<typeof optional<string | null, null>>>> =
    Object.fromEntries([...required, ...others])
  return refine(
    group(keys),
    (read): OrIssue<Readonly<Record<string, string>>> => {
      const given = Object.entries(read).flatMap(([key, value]) => (value === null ? [] : [[key, value] as const]))
      return anyOf.length > 0 && !given.some(([key]) => anyOf.includes(key))
        ? invalid(`${kind} needs one of these ids.`, anyOf.join(", "))
        : Object.fromEntries(given)
    },
    () => ({ ...groupShape(keys)(), ...(anyOf.length > 0 ? { anyOf: anyOf.map((key) => ({ required: [key] })) } : {}) })
  )
}

const accountValue =
  (key: string) =>
  (value: string | null): OrIssue<string | null> => {
    if (value === null) return null
    if (key.endsWith("_host")) return hostOf(value)
    return /^[\w.:@-]{1,200}$/.test(value)
      ? value
      : invalid(`${quote(value)} cannot be an id.`, "A-Z, a-z, 0-9 and . _ : @ -")
  }

const hostOf = (text: string): OrIssue<string> => {
  const host = withoutTrailingSlashes(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`)
  const url = URL.canParse(host) ? new URL(host) : null
  const allowed = "https://name, http://name:port"
  // Not shown: it may be a secret.
  if (/[@?#]/.test(text)) return invalid("The address has a login or parameters.", allowed)
  return url === null || !/^https?:$/.test(url.protocol)
    ? invalid(`${quote(text)} is not the address of a host.`, allowed)
    : host
}

const host = refine(string("a URL"), hostOf)

const version = ({ endpoint }: ConnectorRules) =>
  refine(
    stringOrNull(),
    (text): OrIssue<string | null> =>
      text === null || /^[\w.-]*$/.test(text)
        ? text
        : invalid(`${quote(text)} is not a version.`, `such as ${endpoint.version}`)
  )

const partnerName = (kind: ConnectorKind, { partnerNameCharactersMax = Infinity }: ConnectorRules) =>
  refine(
    stringOrNull(),
    (name): OrIssue<string | null> =>
      name === null || [...name].length <= partnerNameCharactersMax
        ? name
        : invalid(`${kind} takes at most ${partnerNameCharactersMax} characters; these are ${[...name].length}.`)
  )
