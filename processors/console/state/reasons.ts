/** What reason codes mean, in a sentence: those whose word alone does not say what to do. */
import { reasonWord } from "../../../shared/model/dead-letter.ts"

const meanings: Readonly<Record<string, string>> = {
  consent: "The customer has not consented to this platform.",
  consent_withdrawn: "The customer withdrew consent before the event was sent.",
  consent_unknown_in_europe: "Nothing says whether a customer in Europe consented.",
  erased: "The person was erased.",
  filter: "The connection's filter leaves the event out.",
  no_mapping: "No platform event is mapped for this event name.",
  duplicate: "The event, or another with its id, came before.",
  duplicate_conflict: "An event with the same id and other content came before.",
  no_identifiers: "The event has nothing by which the platform could recognize the customer.",
  insufficient_identity: "The event's identifiers are too few for the platform.",
  missing_value: "A purchase needs a value.",
  missing_currency: "A value needs a currency.",
  invalid_value: "The value is not an amount that the platform takes.",
  unknown_currency: "The currency is not a known code.",
  event_too_old: "The event was older than the platform takes.",
  event_time_in_future: "The event's time is in the future: a clock is wrong.",
  expired: "It waited until the platform takes it no more.",
  attempts_exhausted: "All attempts failed.",
  sent_before_crash: "A request may have carried the event before a crash: a person decides whether to send it again.",
  undecided: "The platform never said what became of it.",
  refused: "The platform refused the event.",
  payload_too_large: "The event is larger than a request may be.",
  not_sent: "The request failed before anything was sent."
}

/** Null where the code says all that is known. */
export const meaningOf = (reason: string): string | null => meanings[reasonWord(reason)] ?? null
