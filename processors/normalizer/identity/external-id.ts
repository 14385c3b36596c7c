/** The customer's id in the producer's own system. */
import { dropped, type Field, kept } from "./field.ts"
import { isPlaceholder } from "./placeholder.ts"
import { clean, lower, withoutSpaces } from "./text.ts"
import { wordSet } from "./word-set.ts"

/**
 * Lower case without spaces: what Meta's parameter builder and the pixels of the platforms do to it before they hash,
 * so that both sides of a match agree. Ids that tell nobody apart (`0`, `anonymous`) are left out.
 */
export const normalizeExternalId = (raw: string): Field<string> => {
  if (raw.length > 1024) return dropped("too_long")
  const plain = plainToken.test(raw) ? raw : withoutSpaces(lower(clean(raw)))
  if (plain === "") return dropped("empty")
  if (isPlaceholder(plain) || isNobody(plain)) return dropped("placeholder")
  return kept(plain)
}

/** Nothing to clean, to lower or to take out. */
const plainToken = /^[a-z0-9_.-]+$/

const isNobody = wordSet([
  "0",
  "-1",
  "anonymous",
  "anon",
  "guest",
  "false",
  "true",
  "00000000-0000-0000-0000-000000000000",
  "notset",
  "notavailable"
])
