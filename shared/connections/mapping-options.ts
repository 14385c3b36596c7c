/** `mapping` of a connection: overrides, parameters and message templates. */
import * as Duration from "effect/Duration"
import type * as SchemaIssue from "effect/SchemaIssue"
import countryTable from "../../schemas/catalog/countries.json" with { type: "json" }
import type { Json } from "../model/json.ts"
import type { ConnectorKind } from "../model/platform.ts"
import type { ConnectorRules, EventNames } from "./connector-rules.ts"
import { suggestion } from "./did-you-mean.ts"
import { eventPath, template } from "./event-paths.ts"
import {
  boolean,
  choice,
  duration,
  type Field,
  group,
  groupOr,
  integer,
  invalid,
  json,
  list,
  optional,
  record,
  refine,
  string,
  stringOrNull
} from "./fields.ts"
import { messageTemplate, type TemplateMessage } from "./message-template.ts"
import { proposedShape, shapeOf, wordsShape } from "./shape.ts"
import { quote } from "./yaml-tree.ts"

export interface MappingOptions {
  /** Recorded with every event; the same version gives the same bytes. */
  readonly version: string
  /** `specification` (the specification's table) or `current` (the names the platform prefers today). */
  readonly names: "specification" | "current"
  /** ISO 3166-1 alpha-2: the country of national phone numbers when the event has none; null refuses the field. */
  readonly defaultCountry: string | null
  readonly defaultActionSource: string
  /** Absent: names of other tools, in any spelling, are the canonical ones. `exact`: event names count as they are. */
  readonly eventNames?: "exact"
  /** Absent: an event's anonymous id stands in for an external id that is missing. `ignore`: it never does. */
  readonly anonymousId?: "ignore"
  /** The greatest age of an event in days, instead of the platform's documented one; null checks none. */
  readonly maxAgeDays?: number | null
  /** An event ahead of the clock waits until it is due (absent), or goes out with the time of its arrival. */
  readonly futureEvents?: "arrival_time"
  /** How far ahead of the clock an event may go out, in milliseconds, instead of what the platform takes. */
  readonly futureToleranceMillis?: number
  /** Conversions carry the address too, where all four of its parts are known. */
  readonly addressIdentifiers?: boolean
  /** Absent: all free properties but those with personal data. Else the names of those that go to this platform, and no others. */
  readonly freeProperties?: ReadonlyArray<string>
  /** Overrides and additions: canonical or custom name → platform event and conversion action. */
  readonly events: Readonly<Record<string, EventOverride>>
  /** Parameters to set in the payload's custom data: name → property path, constant or template. */
  readonly parameters: Readonly<Record<string, ParameterRule>>
  /** Canonical or custom name → the message template to send. */
  readonly templates: Readonly<Record<string, TemplateMessage>>
}

export interface EventOverride {
  /** The platform's event name; null where only the action is set. */
  readonly to: string | null
  /** The numeric conversion action id. */
  readonly action: string | null
  /** All must hold for the override to apply. */
  readonly when: ReadonlyArray<Condition>
}

/** A test on a property of the event, such as `properties.value` gt 100. */
export interface Condition {
  readonly path: string
  readonly op: (typeof operators)[number]
  readonly value: Json
}

export type ParameterRule =
  | { readonly _tag: "From"; readonly path: string }
  | { readonly _tag: "Constant"; readonly value: Json }
  /** `"order {properties.order_id}"` */
  | { readonly _tag: "Template"; readonly template: string }

export const actionSources = [
  ...(["website", "app", "email", "phone_call", "chat", "physical_store", "system_generated"] as const),
  ...(["business_messaging", "other"] as const)
]

/** The version that events carry where the file names none. */
const defaultVersion = "1"

/** Ten years: older conversions are a mistake in the time. */
const maxAgeDaysMax = 3650

type OrIssue<A> = A | SchemaIssue.Issue

export const mappingOptions = (kind: ConnectorKind, rules: ConnectorRules, names: EventNames): Field<MappingOptions> =>
  refine(
    group({
      version: optional(stringOrNull(), null),
      names: optional(choice(["specification", "current"]), "specification"),
      default_country: optional(country, null),
      default_action_source: optional(choice(actionSources), "website"),
      event_names: optional(choice(["any_spelling", "exact"]), "any_spelling"),
      anonymous_id: optional(choice(["external_id", "ignore"]), "external_id"),
      max_age_days: optional(integer(1, maxAgeDaysMax), null),
      future_events: optional(choice(["hold", "arrival_time"]), "hold"),
      future_tolerance: optional(duration, null),
      address_identifiers: optional(addressIdentifiers(kind, rules), false),
      free_properties: optional(freeProperties, null),
      events: optional(record(override(kind, rules, names)), {}),
      parameters: optional(record(parameter), {}),
      templates: optional(templates(kind, rules), {})
    }),
    (read): MappingOptions => ({
      ...(read.max_age_days === null ? {} : { maxAgeDays: read.max_age_days }),
      ...(read.future_events === "hold" ? {} : { futureEvents: read.future_events }),
      ...(read.future_tolerance === null ? {} : { futureToleranceMillis: Duration.toMillis(read.future_tolerance) }),
      ...(read.free_properties === null ? {} : { freeProperties: read.free_properties }),
      ...(read.address_identifiers ? { addressIdentifiers: true } : {}),
      ...(read.event_names === "exact" ? { eventNames: "exact" } : {}),
      ...(read.anonymous_id === "ignore" ? { anonymousId: "ignore" } : {}),
      version: read.version ?? defaultVersion,
      names: read.names,
      defaultCountry: read.default_country,
      defaultActionSource: read.default_action_source,
      events: read.events,
      parameters: read.parameters,
      templates: read.templates
    })
  )

const country = refine(stringOrNull("a country"), (code): OrIssue<string | null> => {
  const upper = code?.toUpperCase() ?? null
  if (upper === null || Object.hasOwn(countryTable.countries, upper)) return upper
  return invalid(
    `${quote(upper)} is not a country code.${upper === "UK" ? " Did you mean GB?" : ""}`,
    "an ISO 3166-1 alpha-2 code, such as US, DE, GB"
  )
})

const everyProperty = "all_but_personal_data"

const freeProperties = refine(list(string("names of properties")), (names): OrIssue<ReadonlyArray<string> | null> => {
  if (!names.includes(everyProperty)) return names
  return names.length === 1
    ? null
    : invalid(`${everyProperty} stands alone, without names.`, `${everyProperty}, or names`)
})

const addressIdentifiers = (kind: ConnectorKind, rules: ConnectorRules) =>
  refine(boolean, (wanted): OrIssue<boolean> => {
    if (!wanted || rules.addressIdentifiers === "optional") return wanted
    const what = rules.addressIdentifiers === "always" ? "sends them always" : "has none"
    return invalid(`Address identifiers are not a choice here: ${kind} ${what}.`)
  })

const templates = (kind: ConnectorKind, rules: ConnectorRules) =>
  refine(
    record(messageTemplate),
    (read): OrIssue<Readonly<Record<string, TemplateMessage>>> =>
      rules.messageTemplates === true || Object.keys(read).length === 0
        ? read
        : invalid(`${kind} has no message templates.`),
    () => (rules.messageTemplates === true ? shapeOf(record(messageTemplate)) : { type: "object", maxProperties: 0 })
  )

const override = (kind: ConnectorKind, rules: ConnectorRules, names: EventNames): Field<EventOverride> => {
  const name = platformEvent(kind, names)
  const long = group({
    to: optional(name, null),
    action: optional(conversionAction(kind, rules), null),
    when: optional(list(condition), [])
  })
  return groupOr(
    refine(
      long,
      (read): OrIssue<EventOverride> =>
        read.to === null && read.action === null
          ? invalid("An override needs a name or a conversion action.", "to, action")
          : read
    ),
    refine(name, (to): EventOverride => ({ to, action: null, when: [] }))
  )
}

const platformEvent = (kind: ConnectorKind, { standard, custom }: EventNames) => {
  const isOpen = custom || standard.length === 0
  return refine(
    string("the platform's event name"),
    (to): OrIssue<string> =>
      isOpen || standard.includes(to)
        ? to
        : invalid(`${kind} has no event ${quote(to)}.${suggestion(to, standard)}`, standard.join(", ")),
    () => (isOpen ? proposedShape(standard) : wordsShape(standard))
  )
}

const conversionAction = (kind: ConnectorKind, rules: ConnectorRules) =>
  refine(stringOrNull("the id of the conversion action"), (action): OrIssue<string | null> => {
    if (action === null) return null
    if (rules.conversionActions !== true) return invalid(`${kind} has no conversion actions.`)
    return /^\d{1,19}$/.test(action)
      ? action
      : invalid(`${quote(action)} is not a conversion action.`, "its numeric id")
  })

const operators = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "exists", "missing"] as const

const condition: Field<Condition> = refine(
  group({ path: eventPath, op: optional(choice(operators), "eq"), value: optional(json, undefined) }),
  ({ path, op, value }): OrIssue<Condition> => {
    if (op === "exists" || op === "missing")
      return value === undefined
        ? { path, op, value: null }
        : invalid(`The operator ${op} takes no value.`, null, ["value"])
    if (value === undefined) return invalid(`The operator ${op} needs a value.`, "value: …")
    if (op === "in" && !Array.isArray(value))
      return invalid("The operator in needs a list.", "value: [a, b]", ["value"])
    if (op !== "in" && op !== "eq" && op !== "ne" && typeof value !== "number")
      return invalid(`The operator ${op} compares numbers.`, "a number, not in quotes", ["value"])
    return { path, op, value }
  }
)

const parameter: Field<ParameterRule> = refine(
  group({ from: optional(eventPath, null), constant: optional(json, undefined), template: optional(template(), null) }),
  ({ from, constant, template }): OrIssue<ParameterRule> => {
    const rules = [from !== null, constant !== undefined, template !== null].filter(Boolean).length
    if (rules !== 1) return invalid(`A parameter takes one rule; here are ${rules}.`, "from, constant or template")
    if (from !== null) return { _tag: "From", path: from }
    return template !== null ? { _tag: "Template", template } : { _tag: "Constant", value: constant ?? null }
  }
)
