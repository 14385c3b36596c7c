/** Where a customer's data may be used for advertising only with consent: the EEA, the United Kingdom and Switzerland. */

/** Whether the law of the country asks for consent first. `EU` stands for a country of the EEA that is not known. */
export const asksForConsent = (country: string | null): boolean => country !== null && countries.has(country)

const countries: ReadonlySet<string> = new Set([
  ...[
    "AT",
    "BE",
    "BG",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "ES",
    "FI",
    "FR",
    "GR",
    "HR",
    "HU",
    "IE",
    "IT",
    "LT",
    "LU",
    "LV",
    "MT",
    "NL"
  ],
  ...["PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO", "EU"],
  // Territories in which the law of the EU holds: of Finland and of France.
  ...["AX", "GF", "GP", "MF", "MQ", "RE", "YT"],
  ...["GB", "CH"]
])

/** The country of an international phone number by its calling code, where that country asks for consent; null for all others. */
export const consentCountryOfPhone = (phone: string): string | null => {
  // Nearly every number is American, or begins as no international one does.
  const first = phone[0] === "(" || phone[0] === " " ? phone[1] : phone[0]
  if ((first !== "+" && first !== "0" && first !== " " && first !== "(") || phone.startsWith("+1")) return null
  const digits = international.exec(phone)?.[1]
  if (digits === undefined) return null
  const compact = digits.replace(/[^0-9]/g, "")
  return byCallingCode.get(compact.slice(0, 3)) ?? byCallingCode.get(compact.slice(0, 2)) ?? null
}

/** The digits behind a plus or two zeros: as many as a calling code has at most, whatever separates them. */
const international = /^\s*\(?(?:\+|00)\s?\(?([1-9][0-9 ().-]{2,6})/

/** ITU-T E.164: calling codes of two and three digits, no one of which begins another. */
const byCallingCode = new Map(
  (
    "30GR 31NL 32BE 33FR 34ES 36HU 39IT 40RO 41CH 43AT 44GB 45DK 46SE 47NO 48PL 49DE 350GB 351PT 352LU 353IE 354IS 356MT 357CY 358FI 359BG 370LT 371LV " +
    "372EE 385HR 386SI 420CZ 421SK 423LI"
  )
    .split(" ")
    .map((entry) => [entry.slice(0, -2), entry.slice(-2)] as const)
)
