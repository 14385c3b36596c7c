/** Click ids in the URL of the page: where a platform's link led to it, and the event's own fields do not say so. */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import { normalizeClickId, normalizeGoogleClickId } from "../identity/click-ids.ts"
import type { DropReason } from "../identity/field.ts"
import { decodeOnce } from "./url.ts"

const fields = {
  fbclid: "fbclid",
  gclid: "gclid",
  gbraid: "gbraid",
  wbraid: "wbraid",
  dclid: "dclid",
  ttclid: "ttclid",
  sccid: "sc_click_id"
} as const satisfies Readonly<Record<string, keyof NormalizedUser>>

/**
 * The customer with the click ids of the URL in the fields that are empty, checked as those fields are. The URL is the raw
 * one: what cleaning or cutting takes out of it is still there. Of a name that stands twice the first value counts; names are
 * read in any case (Snapchat writes `ScCid`), in the query and in the fragment, where pages that change without loading have
 * theirs.
 *
 * @param drop called for each that is not a click id
 */
export const withPageClickIds = (
  user: NormalizedUser,
  url: string | null,
  drop: (field: string, reason: DropReason) => void
): NormalizedUser => {
  if (url === null || !anyParameter.test(url)) return user
  let found = user
  let seen = 0
  for (const [, name, value] of url.matchAll(parameter)) {
    if (value === "") continue
    const field = fields[name!.toLowerCase() as keyof typeof fields]
    if (found[field] !== null) continue
    const rule = googleIds.has(field) ? normalizeGoogleClickId : normalizeClickId
    const id = rule(decodeOnce(value!))
    if ("value" in id) found = { ...found, [field]: id.value }
    else drop(`user.${field}`, id.dropped)
    if (++seen === seenMax) break
  }
  return found
}

const googleIds: ReadonlySet<string> = new Set(["gclid", "gbraid", "wbraid", "dclid"])

/** A URL has a few at most; more is a mistake whose cost must not grow with its length. */
const seenMax = 32

/** Nearly no URL has one; asking is cheaper than looking for all. */
const anyParameter = /[?&;#](?:fbclid|gclid|gbraid|wbraid|dclid|ttclid|sccid)=/i
/** A second question mark begins another parameter: some programs append one without looking. */
const parameter = /[?&;#](fbclid|gclid|gbraid|wbraid|dclid|ttclid|sccid)=([^?&#;]*)/gi
