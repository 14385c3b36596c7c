/** An event's explanation as text for people. */
import type {
  ConnectionExplanation,
  EventExplanation,
  ExplainedField
} from "../../processors/normalizer/preview/explanation.ts"
import { printableLine } from "../../shared/telemetry/printable.ts"
import { type Paint, table } from "./output.ts"

export const explanationText = (explained: EventExplanation, paint: Paint): string => {
  const { event_id, event_name, event_time, refused, fields, connections } = explained
  const head = [
    event_id ?? "an event without a usable id",
    event_name,
    event_time === null ? null : `happened ${timeOf(event_time)}`,
    explained.from === "raw" ? null : "by its normalized event: the raw record is gone or sealed"
  ]
  return [
    paint("bold", printableLine(head.filter((part) => part !== null).join("  "))),
    ...(refused === null
      ? []
      : [paint("red", `Refused: ${refused.reason}. ${printableLine(refused.message)} ${refused.next_step}`)]),
    ...suppressionLines(explained, paint),
    ...consentLines(explained),
    ...(fields.length === 0 ? [] : [table(["FIELD", "TREATMENT", "WHY"], fields.map(fieldRow(paint)), paint)]),
    ...(connections.length === 0 ? [] : [table(headers, connections.map(connectionRow(paint)), paint)]),
    ...connections.flatMap((one) => detailLines(one, paint)),
    ""
  ].join("\n")
}

const suppressionLines = ({ suppression }: EventExplanation, paint: Paint): ReadonlyArray<string> => {
  if (suppression === null) return []
  return [
    paint(
      "yellow",
      suppression.kind === "erased"
        ? "The customer was erased: nothing of this event is sent any more."
        : `The customer withdrew consent since: ${said(suppression.consent ?? {})} is left.`
    )
  ]
}

const consentLines = ({ consent }: EventExplanation): ReadonlyArray<string> => {
  if (consent === null) return []
  const { derived, statements, country } = consent
  const statementTexts = statements.map(({ source, ...values }) => `${source} says ${said(values)}`)
  return [
    `Consent: ${derived === null ? "nothing is said" : said(derived)}${country === null ? "" : `, by the rules of ${country}`}${statementTexts.length === 0 ? "" : `; ${statementTexts.join("; ")}`}`
  ]
}

/** `ad_user_data granted, sale_of_data denied`. */
const said = (values: object): string =>
  printableLine(
    Object.entries(values)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ")
  )

const fieldRow =
  (paint: Paint) =>
  ({ field, treatment, reason, nearest }: ExplainedField) => [
    field,
    treatment === "left_out" ? paint("yellow", "left out") : treatment,
    reason === null ? null : nearest === null ? reason : `${reason}; did you mean ${nearest}?`
  ]

const headers = ["CONNECTION", "PLATFORM", "OUTCOME", "DECIDED BY", "REASON", "SENT AS", "MAPPING", "QUALITY", "KNOWN"]
const connectionRow =
  (paint: Paint) =>
  (one: ConnectionExplanation): ReadonlyArray<string | number | null> => [
    one.connection_id,
    one.platform,
    one.outcome === "payload"
      ? paint("green", one.consent === "restricted" ? "would be sent, restricted" : "would be sent")
      : paint(one.outcome === "skipped" ? "dim" : "red", one.outcome),
    one.decided_by,
    one.reason,
    one.platform_event,
    one.mapping_version,
    one.match_quality,
    one.known === null ? null : one.known.outcome
  ]

const detailLines = (one: ConnectionExplanation, paint: Paint): ReadonlyArray<string> => {
  const times = [
    one.not_before === null ? null : `not before ${timeOf(one.not_before)}`,
    one.deadline === null ? null : `taken until ${timeOf(one.deadline)}`
  ].filter((part) => part !== null)
  const about = [
    one.message === null ? null : `${one.message}${one.next_step === null ? "" : ` ${one.next_step}`}`,
    times.length === 0 ? null : times.join(", "),
    ...one.left_out.map(({ field, reason }) => `${field} is left out here: ${reason}`),
    one.known === null || one.outcome !== "payload"
      ? null
      : `it passed already and is ${one.known.outcome}; a further event with its id would be a duplicate`,
    one.payload === null ? null : JSON.stringify(one.payload)
  ]
  return about.flatMap((line) => (line === null ? [] : [`${paint("blue", one.connection_id)} ${printableLine(line)}`]))
}

const timeOf = (millis: number): string => new Date(millis).toISOString()
