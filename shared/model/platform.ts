/** The platforms, by the names that topics, records and configuration use. */
export const platforms = ["meta", "google", "tiktok", "snapchat", "whatsapp"] as const
export type Platform = (typeof platforms)[number]

/** The kinds of connector. Google has two: the Data Manager API (`google`) and the Google Ads API upload (`google-ads`). */
export const connectorKinds = ["meta", "google", "google-ads", "tiktok", "snapchat", "whatsapp"] as const
export type ConnectorKind = (typeof connectorKinds)[number]

/** The platform whose topic, delivery processor and results a kind of connector uses. */
export const platformOf = (kind: ConnectorKind): Platform => (kind === "google-ads" ? "google" : kind)

/**
 * Whether a text is one of WhatsApp's business-scoped user ids, and not a phone number: two letters of a country, a dot and up to
 * 128 letters and digits.
 */
export const isWhatsAppUserId = (text: string): boolean => userId.test(text)

const userId = /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/
