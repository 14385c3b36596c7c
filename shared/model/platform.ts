/**
 * The kinds of connector, and the platform whose topics, delivery and results each uses; by the names that topics, records and
 * configuration have. Google has two kinds: the Data Manager API (`google`) and the Google Ads API (`google-ads`).
 */
const kinds = {
  meta: "meta",
  google: "google",
  "google-ads": "google",
  tiktok: "tiktok",
  snapchat: "snapchat",
  whatsapp: "whatsapp",
  pinterest: "pinterest"
} as const

export type ConnectorKind = keyof typeof kinds
export type Platform = (typeof kinds)[ConnectorKind]

export const connectorKinds = Object.keys(kinds) as ReadonlyArray<ConnectorKind>
export const platforms: ReadonlyArray<Platform> = [...new Set(Object.values(kinds))]

export const platformOf = (kind: ConnectorKind): Platform => kinds[kind]

/**
 * Whether a text is one of WhatsApp's business-scoped user ids, and not a phone number: two letters of a country, a dot and up to
 * 128 letters and digits.
 */
export const isWhatsAppUserId = (text: string): boolean => userId.test(text)

const userId = /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/
