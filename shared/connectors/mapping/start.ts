/** What the mapping of every platform begins with: consent, the event's name, where it goes, its age. A platform says what differs. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { CompiledConnection, Connector, MappingContext, MapResult, NotMapped } from "../connector.ts"
import { batchGroup } from "../http/request.ts"
import { consentDecision, vendorRefusal } from "./consent.ts"
import { noMapping, type PlatformEvent, platformEventOf } from "./event-name.ts"
import { deadlineOf } from "./event-time.ts"
import { rejected, skipped } from "./result.ts"

/** What a platform's mapping adds. `Target` is where an event goes there: its source, the account's asset, the conversion action. */
export interface MappingSteps<Target> {
  /** The platform's name of the event; by default the catalog's, with the connection's overrides. */
  readonly name?: (event: NormalizedEvent, compiled: CompiledConnection) => PlatformEvent | NotMapped
  readonly target: (event: NormalizedEvent, compiled: CompiledConnection, named: PlatformEvent) => Target | NotMapped
  /** Which of the catalog's age limits counts for the target; `default` where there is only one. */
  readonly ageSource?: (target: Target) => string
  readonly payload: (event: NormalizedEvent, start: MappingStart<Target>) => MapResult
}

/** What is known when the payload is built. */
export interface MappingStart<Target> extends MappingContext {
  readonly named: PlatformEvent
  readonly target: Target
  /** The customer denied the sale of data: only with the platform's flags for limited data use. */
  readonly restricted: boolean
  readonly deadline: number | null
}

/** A connector's `mapEvent`: the steps in the order in which every platform takes them. The first reason against the event counts. */
export const mapping =
  <Target>({
    name = nameInCatalog,
    target,
    ageSource = wholePlatform,
    payload
  }: MappingSteps<Target>): Connector["mapEvent"] =>
  (event, context) => {
    const { connection, compiled, now } = context
    const { connector } = compiled
    const consent =
      vendorRefusal(event.tcf_vendors_denied ?? null, connection) ??
      consentDecision(event.consent, connection, connector, event.consent_country ?? null)
    if (consent._tag === "Skip") return skipped(consent.reason, consent.message)
    const named = name(event, compiled)
    if ("_tag" in named) return named
    const found = target(event, compiled, named)
    if (isNotMapped(found)) return found
    const deadline = deadlineOf(event.event_time, ageSource(found), compiled)
    if (deadline !== null && now !== null && now > deadline)
      return rejected("event_too_old", connector.ageRule ?? "The event is older than the connection's maxAgeDays.")
    const { restricted } = consent
    return payload(event, { connection, compiled, now, named, target: found, restricted, deadline })
  }

const nameInCatalog = (event: NormalizedEvent, compiled: CompiledConnection): PlatformEvent | NotMapped =>
  platformEventOf(event, compiled) ?? noMapping(event, compiled)

const wholePlatform = (): string => "default"

const isNotMapped = (target: unknown): target is NotMapped =>
  typeof target === "object" && target !== null && "_tag" in target

/** The text of a batch group, made once for each `key`. */
export const groupText = (
  { groups }: CompiledConnection,
  key: string,
  group: Readonly<Record<string, string>>
): string => {
  const known = groups.get(key)
  if (known !== undefined) return known
  const text = batchGroup(group)
  groups.set(key, text)
  return text
}

/** Where an event happened, by the names that the raw event uses. */
export const actionSources = [
  "website",
  "app",
  "email",
  "phone_call",
  "chat",
  "physical_store",
  "system_generated",
  "business_messaging",
  "other"
] as const
export type ActionSource = (typeof actionSources)[number]

export interface Origin {
  readonly source: ActionSource
  /** Whether the event itself says so, rather than the connection's default. */
  readonly stated: boolean
}

const known: ReadonlySet<string> = new Set(actionSources)
const isActionSource = (name: string): name is ActionSource => known.has(name)

/** The event's own action source, else the connection's default, else website. */
export const originOf = (event: NormalizedEvent, connection: Connection): Origin => {
  const own = event.action_source
  if (own !== null && isActionSource(own)) return { source: own, stated: true }
  const other = connection.mapping.defaultActionSource
  return { source: isActionSource(other) ? other : "website", stated: false }
}
