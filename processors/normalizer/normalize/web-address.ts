/** What producers write as the URL of a page, as a URL of the web: with a scheme, and no longer than platforms take. */

export interface WebAddress {
  readonly url: string
  /** It was too long, and some of its query, fragment or path was cut off. */
  readonly cut: boolean
}

/**
 * The text as an http or https URL, its bytes unchanged otherwise. Without a scheme it gets https, as browsers do for what is
 * typed; null where it has another scheme (`android-app:`, `about:`), no host, or is not a URL.
 */
export const webAddress = (raw: string): WebAddress | null => {
  if (raw.length <= urlLengthMax && hasScheme.test(raw)) return { url: raw, cut: false }
  const text = raw.trim()
  const url = shortened(text)
  const cut = url.length < text.length
  if (hasScheme.test(url)) return { url, cut }
  if (url.startsWith("//")) return { url: `https:${url}`, cut }
  return hostFirst.test(url) && !fileName.test(url) ? { url: `https://${url}`, cut } : null
}

/**
 * The text as it was before a program escaped it as a whole (`https%3A%2F%2Fshop.example%2F`), and with the two slashes of its
 * scheme, as browsers read `https:/shop.example/` and `https:///shop.example/`. Any other is given back.
 */
export const repairedAddress = (raw: string): string => {
  if (wellFormed.test(raw)) return raw
  const text = escapedScheme.test(raw) ? decodeOnce(raw) : raw
  return text.replace(schemeAndSlashes, "$1://")
}

const wellFormed = /^https?:\/\/[^/\\]/i
const escapedScheme = /^\s*https?%3a%2f%2f/i
const schemeAndSlashes = /^\s*(https?):[/\\]*/i

/** Percent escapes as UTF-8, each once; broken ones stay as they are. */
export const decodeOnce = (text: string): string =>
  text.includes("%")
    ? text.replace(/(?:%[0-9a-f]{2})+/gi, (escaped) => Buffer.from(escaped.replaceAll("%", ""), "hex").toString("utf8"))
    : text

/** The longest URL that goes on; the platforms document no limit, and proxies and servers take about so much. */
export const urlLengthMax = 8192

const hasScheme = /^https?:\/\//i

/** Names with dots between them, the last of letters, and perhaps a port: `shop.example:8080/thanks`, not `mailto:` or `/thanks`. */
const hostFirst = /^(?:[\p{L}\p{N}_-]+\.)+\p{L}[\p{L}\p{N}-]+(?::[0-9]{1,5})?(?:[/?#]|$)/u

/** A page by its file alone, which has the shape of a host. */
const fileName = /^[^/?#:]+\.(?:html?|php[0-9]?|aspx?|jsp|cgi|js|css|json|xml|pdf|png|jpe?g|gif|svg)(?:[?#]|$)/i

/**
 * Parameters of the query give way first, whole ones, those that find no room; then the fragment; then the end of the path.
 * Takes time linear in the length.
 */
const shortened = (text: string): string => {
  // A scheme of eight characters may have to stand in front.
  const max = hasScheme.test(text) ? urlLengthMax : urlLengthMax - "https://".length
  if (text.length <= max) return text
  const hash = text.indexOf("#")
  const beforeHash = hash < 0 ? text : text.slice(0, hash)
  const fragment = hash < 0 ? "" : text.slice(hash)
  const mark = beforeHash.indexOf("?")
  const place = mark < 0 ? beforeHash : beforeHash.slice(0, mark)
  if (place.length > max) return place.slice(0, max).replace(brokenEnd, "")
  const kept = place.length + fragment.length > max ? "" : fragment
  if (mark < 0) return place + kept
  let room = max - place.length - kept.length
  const parameters: Array<string> = []
  for (const parameter of beforeHash.slice(mark + 1).split("&")) {
    if (parameter.length + 1 > room) continue
    parameters.push(parameter)
    room -= parameter.length + 1
  }
  return place + (parameters.length === 0 ? "" : `?${parameters.join("&")}`) + kept
}

/** Half of an escape, or of a character beyond the basic plane. */
const brokenEnd = /(?:%[0-9a-f]?|[\ud800-\udbff])$/i
