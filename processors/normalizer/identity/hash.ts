/** SHA-256 of normalized text, and the recognition of values that producers hashed already. */
import { hash } from "node:crypto"
import { isPlaceholderHash } from "./placeholder.ts"
import { clean } from "./text.ts"

/** 64 lower-case hex characters: SHA-256 of the text's UTF-8 bytes. */
export const sha256 = (text: string): string => hash("sha256", text, "hex")

/**
 * The lower-case hash if the value is one already (64 hex characters of any case), else null. Meta's parameter builder
 * appends `.` and a short mark to a hash; the mark is cut off. The hash of a placeholder is not one, so that the
 * field's rule reports the placeholder.
 */
export const alreadyHashed = (value: string): string | null => {
  if (value.length < 64 || value.length > 80) return null
  const match = sha256Shape.exec(clean(value))
  return match === null || isPlaceholderHash(match[1]!) ? null : match[1]!.toLowerCase()
}

/** MD5, SHA-1, SHA-224, SHA-384 or SHA-512 in hex: no platform takes them, and hashing them again would match no one. */
export const isOtherHash = (value: string): boolean => otherHashLengths.has(value.length) && hex.test(value)

const sha256Shape = /^([0-9a-f]{64})(?:\.[A-Za-z0-9_-]{2,8})?$/i
const hex = /^[0-9a-f]+$/i
const otherHashLengths = new Set([32, 40, 56, 96, 128])
