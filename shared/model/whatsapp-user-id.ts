/** The form of WhatsApp's business-scoped user ids: two letters of a country, a dot and up to 128 letters and digits. */

/** Tells such an id from a phone number. */
export const isWhatsAppUserId = (text: string): boolean => userId.test(text)

const userId = /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/
