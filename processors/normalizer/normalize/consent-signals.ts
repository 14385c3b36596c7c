/**
 * Consent from the signals of consent frameworks (IAB TCF and GPP, Google Consent Mode), by one table. What several of them and the producer's
 * own fields say is joined so that the stricter wins. Strings come again for many events, so each is read once; reading takes time linear in
 * its length.
 */
import type { Consent, ConsentSignals } from "../../../schemas/types.gen.ts"
import { asksForConsent, consentCountryOfPhone } from "../../../shared/connectors/mapping/consent.ts"
import { normalizeCountry } from "../identity/address.ts"
import type { Drop } from "../identity/field.ts"
import { type GppSection, hasVendorConsent, readGpp, readTcf, type Tcf } from "./consent-strings.ts"

/** What one signal says; null where it says nothing of a value. */
export interface Statement {
  /** `consent`, `tcf_string`, `gpp_string.usnat`, `ad_storage`, `gcs`. */
  readonly source: string
  readonly ad_user_data: string | null
  readonly ad_personalization: string | null
  readonly sale_of_data: string | null
}

/**
 * The consent of an event and how it came about.
 *
 * @param given the producer's own fields, normalized
 * @param drop called for each signal that cannot be read: it counts as a denial
 */
export const deriveConsent = (
  given: Consent | null,
  signals: ConsentSignals,
  drop: Drop
): { readonly consent: Consent | null; readonly statements: ReadonlyArray<Statement> } => {
  const own = given === null ? [] : [{ source: "consent", ...given }]
  const statements = [...own, ...statementsOf(signals, drop)]
  if (statements.length === own.length) return { consent: given, statements }
  return {
    consent: {
      ad_user_data: strictest(statements, "ad_user_data"),
      ad_personalization: strictest(statements, "ad_personalization"),
      sale_of_data: strictest(statements, "sale_of_data")
    },
    statements
  }
}

/**
 * Of these vendors of IAB's Global Vendor List, those without consent in a TC string of the event, also one within its GPP string; null
 * where there are none, or no string that can be read: that denies everything by itself.
 */
export const deniedVendors = (
  signals: ConsentSignals | null,
  vendors: ReadonlyArray<number>
): ReadonlyArray<number> | null => {
  if (signals === null || vendors.length === 0) return null
  const strings = tcStringsOf(signals)
  const denied = vendors.filter((vendor) => strings.some((text) => !hasVendorConsent(text, vendor)))
  return denied.length === 0 ? null : denied
}

const tcStringsOf = ({
  gpp_section_ids: ids,
  gpp_string: gpp,
  tcf_string: tcf
}: ConsentSignals): ReadonlyArray<string> => {
  const own = isGiven(tcf) && !isLong(tcf) && readTcf(tcf.trim()) !== null ? [tcf.trim()] : []
  const sections = isGiven(gpp) && !isLong(gpp) ? (applicableSections(gpp.trim(), ids) ?? []) : []
  // Canada's section has other vendors, at another place.
  return [...own, ...sections.flatMap((section) => (section._tag === "Tcf" && section.id === 2 ? [section.text] : []))]
}

/** A denial of any signal counts, then what is unclear, then a grant, then what is said to be unknown. */
const strictest = (statements: ReadonlyArray<Statement>, name: keyof Consent): string | null => {
  const said = statements.map((statement) => statement[name])
  return order.find((value) => said.includes(value)) ?? null
}
const order = ["denied", "unclear", "granted", "unknown"]

const statementsOf = (signals: ConsentSignals, drop: Drop): ReadonlyArray<Statement> => {
  const found: Array<Statement> = []
  const { tcf_string: tcf, gpp_string: gpp } = signals
  if (isGiven(tcf))
    found.push(ofTcf("tcf_string", isLong(tcf) ? null : readTcf(tcf.trim())) ?? unreadable("tcf_string", drop))
  if (isGiven(gpp))
    found.push(
      ...((isLong(gpp) ? null : ofGpp(gpp.trim(), signals.gpp_section_ids)) ?? [unreadable("gpp_string", drop)])
    )
  if (isGiven(signals.ad_storage)) found.push(ofStorage(signals.ad_storage, drop))
  if (isGiven(signals.gcs)) found.push(ofGcs(signals.gcs, drop))
  return found
}

const isGiven = (text: string | null): text is string => text !== null && (isLong(text) || text.trim() !== "")
/** Longer than any framework's: it cannot be read. */
const isLong = (text: string): boolean => text.length > signalLengthMax

/**
 * TCF: purpose 1 (storage and access) and 7 (measuring advertising) for user data, 3 and 4 (profiles and their use) for personalization: the
 * purposes that Google's products ask for too. Consent alone counts, no legitimate interest.
 */
const ofTcf = (source: string, tcf: Tcf | null): Statement | null =>
  tcf === null
    ? null
    : {
        source,
        ad_user_data: word(tcf.purposes.has(1) && tcf.purposes.has(7)),
        ad_personalization: word(tcf.purposes.has(3) && tcf.purposes.has(4)),
        sale_of_data: null
      }

const word = (granted: boolean): string => (granted ? "granted" : "denied")

const ofGpp = (gpp: string, sectionIds: ConsentSignals["gpp_section_ids"]): ReadonlyArray<Statement> | null =>
  applicableSections(gpp, sectionIds)?.map(ofSection) ?? null

const applicableSections = (
  gpp: string,
  sectionIds: ConsentSignals["gpp_section_ids"]
): ReadonlyArray<GppSection> | null => {
  const applicable = idsOf(sectionIds)
  return readGpp(gpp)?.filter(({ id }) => applicable === null || applicable.has(id)) ?? null
}

/** The applicable sections; null where the event does not say. IAB's -1 and 0 stand for none and unknown. */
const idsOf = (given: ConsentSignals["gpp_section_ids"]): ReadonlySet<number> | null => {
  if (given === null) return null
  const ids = (typeof given === "string" ? given.split(/[,_ ]/, sectionsMax) : given.slice(0, sectionsMax)).map(Number)
  return ids.length === 0 || ids.includes(0) ? null : new Set(ids)
}

const ofSection = (section: GppSection): Statement => {
  const source = `gpp_string.${section.name}`
  if (section._tag === "Tcf") return ofTcf(source, section.tcf)!
  const { saleOptOut, sharingOptOut, targetingOptOut, globalPrivacyControl } = section
  const optedOut = saleOptOut === 1 || sharingOptOut === 1 || targetingOptOut === 1 || globalPrivacyControl
  return {
    source,
    ad_user_data: null,
    ad_personalization: sharingOptOut === 1 || targetingOptOut === 1 ? "denied" : null,
    sale_of_data: optedOut ? "denied" : saleOptOut === 2 ? "granted" : null
  }
}

/** Without ad storage the ids of a click were not to be kept: nothing may be sent that was found by them. */
const ofStorage = (given: string, drop: Drop): Statement => {
  const raw = isLong(given) ? "" : given.trim().toLowerCase()
  if (raw === "granted") return { ...silent, source: "ad_storage" }
  return raw === "denied" ? { ...silent, source: "ad_storage", ad_user_data: "denied" } : unreadable("ad_storage", drop)
}

/** `G1`, then ad_storage and analytics_storage as 1, 0 or `-` (not set). */
const ofGcs = (raw: string, drop: Drop): Statement => {
  const match = isLong(raw) ? null : gcs.exec(raw.trim())
  if (match === null) return unreadable("gcs", drop)
  return { ...silent, source: "gcs", ad_user_data: match[1] === "0" ? "denied" : null }
}
const gcs = /^G1([01-])[01-]$/

const silent = { ad_user_data: null, ad_personalization: null, sale_of_data: null }

const unreadable = (source: string, drop: Drop): Statement => {
  drop(`consent_signals.${source}`, "invalid_consent")
  return { source, ad_user_data: "denied", ad_personalization: "denied", sale_of_data: "denied" }
}

/**
 * The country whose rules count where consent is unknown: of where the customer was, lives, and has a phone, the first that asks for
 * consent; else the first that is known.
 */
export const consentCountryOf = (
  signals: ConsentSignals | null,
  userCountry: string | null,
  phone: string | ReadonlyArray<string> | null
): string | null => {
  const raw = signals?.country ?? null
  const read = raw === null ? null : normalizeCountry(raw)
  const place = read !== null && "value" in read ? read.value : null
  if (asksForConsent(place)) return place
  if (asksForConsent(userCountry)) return userCountry
  const first = typeof phone === "string" || phone === null ? phone : (phone[0] ?? null)
  const ofPhone = first === null ? null : consentCountryOfPhone(first)
  if (ofPhone !== null) return ofPhone
  return signals?.gdpr_applies === true ? "EU" : (place ?? userCountry)
}

const sectionsMax = 64
const signalLengthMax = 8_192
