/** Reads how a connection maps events: overrides, parameters and message templates. */
import * as Duration from "effect/Duration"
import { isMap, isScalar } from "yaml"
import type { ConnectorKind } from "../model/platform.ts"
import { checkPath, checkPlaceholders } from "./check-path.ts"
import type { EventOverride, MappingOptions, ParameterRule } from "./connection.ts"
import type { ConnectorRules } from "./connector-rules.ts"
import { actionSources, isCountry } from "./names.ts"
import { readCondition } from "./read-condition.ts"
import { readMessage } from "./read-message.ts"
import { quote, Section } from "./section.ts"
import type { Found } from "./yaml-reader.ts"

/** The version that events carry where the file names none. */
const defaultVersion = "1"

/** Ten years: older conversions are a mistake in the time. */
const maxAgeDaysMax = 3650

export const readMapping = (section: Section, kind: ConnectorKind, rules: ConnectorRules): MappingOptions => {
  const country = section.text("default_country")?.toUpperCase() ?? null
  if (country !== null && !isCountry(country))
    section.reader.error(
      section.find("default_country")!,
      `${quote(country)} is no country.${country === "UK" ? " Did you mean GB?" : ""}`,
      "an ISO 3166-1 alpha-2 code, such as US, DE, GB"
    )
  const maxAgeDays = section.integer("max_age_days", 1, maxAgeDaysMax)
  const addressIdentifiers = section.boolean("address_identifiers", false)
  const futureTolerance = section.duration("future_tolerance")
  const mapping: MappingOptions = {
    ...(maxAgeDays === null ? {} : { maxAgeDays }),
    ...(section.choice("future_events", ["hold", "arrival_time"], "hold") === "hold"
      ? {}
      : { futureEvents: "arrival_time" }),
    ...(futureTolerance === null ? {} : { futureToleranceMillis: Duration.toMillis(futureTolerance) }),
    ...(addressIdentifiers ? { addressIdentifiers } : {}),
    ...(section.choice("event_names", ["any_spelling", "exact"], "any_spelling") === "exact"
      ? { eventNames: "exact" }
      : {}),
    ...(section.choice("anonymous_id", ["external_id", "ignore"], "external_id") === "ignore"
      ? { anonymousId: "ignore" }
      : {}),
    version: section.text("version") ?? defaultVersion,
    names: section.choice("names", ["specification", "current"], "specification"),
    defaultCountry: country,
    defaultActionSource: section.choice("default_action_source", actionSources, "website"),
    events: each(section.section("events"), (found) => readOverride(section, found, kind, rules)),
    parameters: each(section.section("parameters"), (found) => readParameter(section, found)),
    templates: each(section.section("templates"), (found) => readMessage(section, found))
  }
  if (rules.messageTemplates !== true && Object.keys(mapping.templates).length > 0)
    section.reader.error(section.find("templates")!, `${kind} has no message templates.`)
  if (addressIdentifiers && rules.addressIdentifiers !== "optional")
    section.reader.error(
      section.find("address_identifiers")!,
      `Address identifiers are no choice here: ${kind} ${rules.addressIdentifiers === "always" ? "sends them always" : "has none"}.`
    )
  section.finish()
  return mapping
}

const each = <A>(section: Section, read: (found: Found) => A | null): Readonly<Record<string, A>> => {
  const values: Record<string, A> = {}
  for (const [name, found] of section.entries()) {
    const value = read(found)
    if (value !== null) values[name] = value
  }
  return values
}

const sectionAt = (section: Section, found: Found): Section => new Section(section.reader, found, [found])

const readOverride = (
  parent: Section,
  found: Found,
  kind: ConnectorKind,
  rules: ConnectorRules
): EventOverride | null => {
  if (isScalar(found.node)) {
    const to = parent.textOf(found, "the platform's event name")
    return to === null ? null : { to, action: null, when: [] }
  }
  if (!isMap(found.node)) {
    parent.reader.error(found, "Expected an event name or a group of keys.", "to, action, when")
    return null
  }
  const section = sectionAt(parent, found)
  const override: EventOverride = {
    to: section.text("to", "the platform's event name"),
    action: section.text("action", "the id of the conversion action"),
    when: section.items("when").flatMap((item) => readCondition(sectionAt(section, item)) ?? [])
  }
  if (override.to === null && override.action === null)
    section.reader.error(found, "An override needs a name or a conversion action.", "to, action")
  if (override.action !== null && rules.conversionActions !== true)
    section.reader.error(section.find("action")!, `${kind} has no conversion actions.`)
  else if (override.action !== null && !/^\d{1,19}$/.test(override.action))
    section.reader.error(
      section.find("action")!,
      `${quote(override.action)} is no conversion action.`,
      "its numeric id"
    )
  section.finish()
  return override
}

const readParameter = (parent: Section, found: Found): ParameterRule | null => {
  if (!isMap(found.node)) {
    parent.reader.error(found, "Expected one of three keys.", "from: path, constant: value, template: text")
    return null
  }
  const section = sectionAt(parent, found)
  const from = section.text("from", "a path")
  const constant = section.find("constant")
  const template = section.text("template", "a text with {paths}")
  section.finish()
  const given = [from, constant, template].filter((value) => value !== null)
  if (given.length !== 1) {
    section.reader.error(found, `A parameter takes one rule; here are ${given.length}.`, "from, constant or template")
    return null
  }
  if (constant !== null) return { _tag: "Constant", value: section.reader.json(constant) }
  if (from !== null) {
    checkPath(section, section.find("from")!, from)
    return { _tag: "From", path: from }
  }
  checkPlaceholders(section, section.find("template")!, template!)
  return { _tag: "Template", template: template! }
}
