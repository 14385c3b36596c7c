/** The reason codes that dead letters may have, of every stage and platform. */

import { problemReasons } from "../../processors/normalizer/normalize/problem.ts"
import { consentUnknownInEurope } from "../../shared/connectors/mapping/consent.ts"
import { connectors } from "../../shared/connectors/registry.ts"
import { reasonWord } from "../../shared/model/dead-letter.ts"

const rows = Object.values(connectors).flatMap(({ classifications }) => classifications.flatMap(({ rows }) => rows))

/** What the mapper and the deliveries decide themselves. A test compares it with the sources. */
export const stageReasonCodes: ReadonlyArray<string> = [
  ...[
    "attempts_exhausted",
    "authentication_needs_phone",
    "connection_not_enabled",
    "consent",
    consentUnknownInEurope,
    "consent_withdrawn",
    "duplicate",
    "duplicate_conflict"
  ],
  ...["erased", "invalid_identity"],
  ...[
    "event_time_in_future",
    "event_too_old",
    "expired",
    "filter",
    "insufficient_identity",
    "invalid_conversion_action"
  ],
  ...[
    "invalid_value",
    "mapped_for_other_api",
    "master_key_differs",
    "missing_account_id",
    "missing_app_data",
    "missing_credential_field"
  ],
  ...[
    "missing_ctwa_clid",
    "missing_currency",
    "missing_event_source_url",
    "missing_lead_id",
    "missing_messaging_channel"
  ],
  ...["missing_order_id", "missing_page_id", "missing_recipient", "missing_template_value", "missing_value"],
  ...["no_identifiers", "no_mapping", "no_master_key", "no_recipient", "no_verdict", "not_a_standard_event"],
  ...["not_sent", "payload_too_large", "poison", "recipient_unreadable", "refused", "sent_before_crash", "undecided"],
  ...["unknown_currency"]
]

const codes = rows.flatMap(({ match }) => (match.code ?? []).filter((code) => /^[A-Za-z]/.test(code)))
const openCodes = codes.filter((code) => code.includes("*")).map((code) => code.slice(0, code.indexOf("*")))

/** All that have a fixed name. */
export const reasonCodes: ReadonlyArray<string> = [
  ...new Set([
    ...problemReasons,
    ...stageReasonCodes,
    ...rows.flatMap(({ word }) => (word === undefined ? [] : [word])),
    ...codes.filter((code) => !code.includes("*"))
  ])
]

/** Whether a stage or a platform may give this reason: by name, by an HTTP status, or as one of a platform's family of codes. */
export const isReasonCode = (reason: string): boolean =>
  reasonCodes.includes(reason) ||
  reasonCodes.includes(reasonWord(reason)) ||
  /^http_\w+$/.test(reason) ||
  openCodes.some((start) => reason.startsWith(start))
