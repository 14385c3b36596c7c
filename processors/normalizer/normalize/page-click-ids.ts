/** Click ids in the URL of the page: from a platform's link, where the event's fields have none. */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { ClickId } from "../../../shared/connectors/connector.ts"
import { clickIds } from "../../../shared/connectors/registry.ts"
import { normalizeClickId, normalizeGoogleClickId } from "../identity/click-ids.ts"
import type { DropReason } from "../identity/field.ts"
import { decodeOnce } from "./url.ts"

const byParameter: ReadonlyMap<string, ClickId> = new Map(clickIds.map((clickId) => [clickId.parameter, clickId]))

/**
 * The customer with the click ids of the URL in the fields that are empty, checked as those fields are. The URL is the raw
 * one: what cleaning or cutting takes out of it is still there. Of a name that stands twice the first value counts; names are
 * read in any case (`ScCid`), in the query and in the fragment, where pages that change without loading have
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
    const { parameter: key, field, form } = byParameter.get(name!.toLowerCase())!
    if (((field === null ? found.click_ids?.[key] : found[field]) ?? null) !== null) continue
    const id = (form === "gcl" ? normalizeGoogleClickId : normalizeClickId)(decodeOnce(value!))
    if ("dropped" in id) drop(field === null ? `user.click_ids.${key}` : `user.${field}`, id.dropped)
    else if (field === null) found = { ...found, click_ids: { ...found.click_ids, [key]: id.value } }
    else found = { ...found, [field]: id.value }
    if (++seen === seenMax) break
  }
  return found
}

/** A URL has a few at most; more is a mistake whose cost must not grow with its length. */
const seenMax = 32

const names = [...byParameter.keys()].join("|")
/** Nearly no URL has one; asking is cheaper than looking for all. */
const anyParameter = new RegExp(`[?&;#](?:${names})=`, "i")
/** A second question mark begins another parameter: some programs append one without looking. */
const parameter = new RegExp(`[?&;#](${names})=([^?&#;]*)`, "gi")
