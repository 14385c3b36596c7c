/** Click ids, browser ids and ids of the platforms: checked, passed on in clear, never invented and never changed. */
import type { NormalizedUser, RawUser } from "../../../schemas/types.gen.ts"
import type { ClickId } from "../../../shared/connectors/connector.ts"
import { clickIds } from "../../../shared/connectors/registry.ts"
import { decodeOnce } from "../normalize/url.ts"
import { type Drop, type DropReason, dropped, type Field, kept } from "./field.ts"
import { clean, isPlaceholder } from "./text.ts"

/** The `_fbp` cookie: `fb.<subdomain index>.<milliseconds>.<random number>`, with the parameter builder's mark or not. */
export const normalizeFbp = (raw: string): Field<string> => {
  // What fits the grammar needs no cleaning and is no placeholder; here and below this is how nearly every value ends.
  if (fbp.test(raw)) return kept(raw)
  if (raw.length > rawLengthMax) return dropped("invalid_fbp")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  return fbp.test(cleaned) ? kept(cleaned) : dropped("invalid_fbp")
}

/** The `_fbc` cookie: `fb.<subdomain index>.<milliseconds>.<fbclid>`; its case matters. */
export const normalizeFbc = (raw: string): Field<string> => {
  if (raw.length <= clickIdLengthMax && fbc.test(raw)) return kept(raw)
  if (raw.length > rawLengthMax) return dropped("invalid_fbc")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  if (cleaned.length > clickIdLengthMax) return dropped("invalid_fbc")
  if (fbc.test(cleaned)) return kept(cleaned)
  // Its time is in milliseconds; ten digits are seconds.
  const inSeconds = fbcInSeconds.exec(cleaned)
  return inSeconds === null ? dropped("invalid_fbc") : kept(`${inSeconds[1]}000.${inSeconds[2]}`)
}

/** The `_fbc` cookie and the click id that it is made of, each in its field, though one came in the other's. */
export const metaClick = (raw: MetaClick): MetaClick => {
  const { fbc: cookie, fbclid: id } = raw
  if (cookie === null && id !== null && id.startsWith("fb.") && matches(fbc, id)) return { fbc: id, fbclid: null }
  return cookie !== null && id === null && matches(bareFbclid, cookie) ? { fbc: null, fbclid: cookie } : raw
}

type MetaClick = Pick<RawUser, "fbc" | "fbclid">

const matches = (form: RegExp, raw: string): boolean => raw.length <= clickIdLengthMax && form.test(raw)

/** gclid, gbraid, wbraid and dclid; of Google's cookies (`GCL.<seconds>.<id>`, `2.1.k<id>$i<seconds>`) the click id that they hold. */
export const normalizeGoogleClickId = (raw: string): Field<string> => {
  if (!raw.startsWith("GCL.") && !raw.startsWith("2.")) return normalizeClickId(raw)
  const id = raw.length > clickIdLengthMax ? null : googleCookie.exec(raw)
  return normalizeClickId(id === null ? raw : (id[1] ?? id[2] ?? raw))
}

/**
 * gclid, gbraid, wbraid, dclid, fbclid, ttclid, ttp, sc_click_id, sc_cookie1, ctwa_clid: one opaque token each. Of a parameter
 * that was copied out of a URL with its name (`gclid=Cj0K`), the value.
 */
export const normalizeClickId = (given: string): Field<string> => {
  const raw = given.includes("=") ? withoutName(given) : given
  if (raw.length <= clickIdLengthMax && token.test(raw)) return isPlaceholder(raw) ? dropped("placeholder") : kept(raw)
  if (raw.length > rawLengthMax) return dropped("invalid_click_id")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  return cleaned.length <= clickIdLengthMax && token.test(cleaned) ? kept(cleaned) : dropped("invalid_click_id")
}

/** The click ids under the names of their URL parameters, each checked; null if all are left out. */
export const clickIdsByName = (
  given: Readonly<Record<string, string>>,
  drop: Drop
): Readonly<Record<string, string>> | null => {
  const found: Record<string, string> = {}
  for (const [key, value] of Object.entries(given)) {
    const name = key.toLowerCase()
    const isKnown = namedClickIds.has(name)
    const id = isKnown ? normalizeClickId(value) : dropped("unknown_field")
    if ("value" in id) found[name] = id.value
    else drop(isKnown ? `user.click_ids.${name}` : "user.click_ids", id.dropped)
  }
  return Object.keys(found).length === 0 ? null : found
}

/** The click ids of registered platforms that have no field, by the names of their URL parameters. */
export const namedClickIds: ReadonlySet<string> = new Set(
  clickIds.filter(({ field }) => field === null).map(({ parameter }) => parameter)
)

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

const withoutName = (raw: string): string => (raw.length > rawLengthMax ? raw : (named.exec(raw)?.[1] ?? raw))
const parameterNames = [...clickIds.map(({ parameter }) => parameter), "ctwa_clid"].join("|")
const named = new RegExp(`^\\s*[?&#]?(?:${parameterNames})=([^?&#;]*)$`, "i")

/** Ids that a platform gave: lead, subscription and install ids. */
export const normalizePlatformId = normalizeClickId

const clickIdLengthMax = 1024
/** Before anything is cleaned away. */
const rawLengthMax = 2048
const fbp = /^fb\.[0-9]\.[0-9]{13}\.[0-9]{1,20}(?:\.[A-Za-z0-9_-]{2,8})?$/
const fbc = /^fb\.[0-9]\.[0-9]{13}\.[A-Za-z0-9_.%~-]+$/
const fbcInSeconds = /^(fb\.[0-9]\.[0-9]{10})\.([A-Za-z0-9_.%~-]+)$/
const bareFbclid = /^(?:Iw|PA)[A-Za-z0-9_-]{4,}$/
const googleCookie = /^(?:GCL\.[0-9]{9,13}\.~?([A-Za-z0-9_-]+)|2\.[0-9]+\.k([A-Za-z0-9_-]+)\$i[0-9].*)$/
const token = /^[A-Za-z0-9_.~%:=+/|!*-]+$/
