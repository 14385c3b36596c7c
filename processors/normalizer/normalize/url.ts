/** URLs of pages: with a scheme, no longer than platforms take, and without personal data. */
import { alreadyHashed, clean } from "../identity/text.ts"
import {
  isAmbiguousName,
  isIdentifierName,
  isPersonUnder,
  mayEndIdentifier,
  nameLengthMax
} from "../pii/identifier-names.ts"
import type { PersonalData } from "../pii/personal-data.ts"
import { hasAt, hasEscape, plain, scanText } from "../pii/text-scan.ts"

export interface CleanUrl {
  /** Null where the value is no URL. */
  readonly url: string | null
  readonly removed: boolean
}

/** Bytes without personal data stay exactly as they were: platforms match URLs literally. */
export const cleanUrl = (raw: string, personal: PersonalData): CleanUrl => {
  if (raw.length > urlLengthMax) return noUrl
  const rawScan = scanText(raw)
  const url = (rawScan & plain) === 0 ? clean(raw) : raw
  if (url.length > urlLengthMax || !canParse(url)) return noUrl
  if (isClean(url, url === raw ? rawScan : scanText(url), personal)) return { url, removed: false }
  const hash = url.indexOf("#")
  const beforeHash = hash < 0 ? url : url.slice(0, hash)
  const mark = beforeHash.indexOf("?")
  const place = mark < 0 ? beforeHash : beforeHash.slice(0, mark)
  const cleanPlace = withoutPersonalHost(withoutPersonalSegments(withoutUserInfo(place), personal), personal)
  const query = mark < 0 ? null : withoutPersonalParameters(beforeHash.slice(mark + 1), personal)
  const fragment = hash < 0 ? null : withoutPersonalParameters(url.slice(hash + 1), personal)
  const result =
    cleanPlace +
    (query === null || query === "" ? "" : `?${query}`) +
    (fragment === null || fragment === "" ? "" : `#${fragment}`)
  const changed =
    cleanPlace !== place ||
    (query !== null && query !== beforeHash.slice(mark + 1)) ||
    (fragment !== null && fragment !== url.slice(hash + 1))
  return changed ? { url: result, removed: true } : { url, removed: false }
}

export const noUrl: CleanUrl = { url: null, removed: false }

/**
 * Whether the parts need not be looked at one by one: what the whole does not contain, no part contains. Only names and
 * international numbers of parameters are looked for in each.
 */
const isClean = (url: string, scan: number, personal: PersonalData): boolean => {
  if ((scan & (plain | hasAt | hasEscape)) === plain && !mayHaveIdentifier(url)) return !personal.inUrl(url, scan)
  if (url.includes("@") || personal.inUrl(decoded(url))) return false
  for (let at = firstMark(url, 0); at >= 0; at = firstMark(url, at + 1)) {
    const end = firstMark(url, at + 1)
    const parameter = url.slice(at + 1, end < 0 ? url.length : end)
    const equals = parameter.indexOf("=")
    const name = equals < 0 ? "" : parameter.slice(0, equals)
    if (name.includes("%") || name.includes("+") || isIdentifierName(name) || isAmbiguousName(name)) return false
    if (internationalNumber.test(equals < 0 ? parameter : parameter.slice(equals + 1))) return false
  }
  return true
}

/** Whether a parameter of a URL without escapes may have the name of an identifier, or an international number as its value. */
const mayHaveIdentifier = (url: string): boolean => {
  for (let at = url.indexOf("="); at >= 0; at = url.indexOf("=", at + 1)) {
    if (mayEndIdentifier(url, at) && isNamedAsIdentifier(url, at)) return true
  }
  return url.includes("00") && zerosFirst.test(url)
}

/** Of the name that ends at a position and begins behind the mark before it. No identifier has a longer one than is looked at. */
const isNamedAsIdentifier = (url: string, end: number): boolean => {
  let start = end
  while (start > 0 && end - start <= nameLengthMax && !isMark(url.charCodeAt(start - 1))) start--
  const name = url.slice(start, end)
  return isIdentifierName(name) || isAmbiguousName(name)
}

const isMark = (code: number): boolean => code === 0x3f || code === 0x26 || code === 0x23

const zerosFirst = /[?&#=]00/

/** Where the next parameter begins: at `?`, `&` or `#`. */
const firstMark = (url: string, from: number): number => {
  for (let at = from; at < url.length; at++) if (isMark(url.charCodeAt(at))) return at
  return -1
}

/** Web addresses of the usual shape; a test holds the expression against the parser, which asks the same of them. */
const canParse = (url: string): boolean => usualUrl.test(url) || URL.canParse(url)

/** Names of letters and digits with a country or a kind behind them, which neither IPv4 nor punycode can be. */
const usualUrl = /^https?:\/\/(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}(?:[/?#]|$)/

/** `https://name:password@host/` becomes `https://host/`. */
const withoutUserInfo = (place: string): string => place.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1")

/** Labels of the host before its last two, which are the shop's: `jane-doe.shop.example` becomes `removed.shop.example`. */
const withoutPersonalHost = (place: string, personal: PersonalData): string => {
  const start = place.indexOf("://") + 3
  const end = place.indexOf("/", start)
  const labels = place.slice(start, end < 0 ? place.length : end).split(".")
  if (labels.length < 3 || labels.length > labelsMax) return place
  const kept = labels.map((label, index) => (index < labels.length - 2 && personal.inCode(label) ? "removed" : label))
  return place.slice(0, start) + kept.join(".") + (end < 0 ? "" : place.slice(end))
}

/** A host has 253 characters at most. */
const labelsMax = 127

const withoutPersonalSegments = (place: string, personal: PersonalData): string => {
  const start = place.indexOf("/", place.indexOf("://") + 3)
  if (start < 0) return place
  const segments = place.slice(start + 1).split("/")
  let changed = false
  const kept = segments.map((segment) => {
    if (segment === "" || !personal.inUrl(decoded(segment))) return segment
    changed = true
    return "removed"
  })
  return changed ? `${place.slice(0, start)}/${kept.join("/")}` : place
}

const withoutPersonalParameters = (query: string, personal: PersonalData): string => {
  if (query === "") return query
  const parameters = query.split("&")
  const kept = parameters.filter((parameter) => !isPersonal(parameter, personal))
  return kept.length === parameters.length ? query : kept.join("&")
}

const isPersonal = (parameter: string, personal: PersonalData): boolean => {
  const equals = parameter.indexOf("=")
  const name = decoded(equals < 0 ? "" : parameter.slice(0, equals))
  const rawValue = equals < 0 ? parameter : parameter.slice(equals + 1)
  if (rawValue === "") return personal.inUrl(name)
  const value = decoded(rawValue)
  if (alreadyHashed(value) !== null) return false
  if (isIdentifierName(name) || isPersonUnder(name, value) || internationalNumber.test(rawValue)) return true
  return personal.inUrl(value) || personal.inUrl(name)
}

/** Twice, since links are often wrapped in links; broken escapes stay as they are. */
const decoded = (text: string): string => {
  if (!text.includes("%") && !text.includes("+")) return text
  return decodeOnce(decodeOnce(text.replaceAll("+", " ")))
}

const internationalNumber = /^(?:\+|%2b|00)[1-9](?:[0-9().-]|%20|%28|%29|\+){7,24}$/i

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
  if (raw.length <= urlLengthMax && (usualHost(raw) > 0 || hasScheme.test(raw))) return { url: raw, cut: false }
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
  const host = usualHost(raw)
  if (host > 0 && raw.charCodeAt(host) !== slash && raw.charCodeAt(host) !== backslash) return raw
  if (wellFormed.test(raw)) return raw
  const text = escapedScheme.test(raw) ? decodeOnce(raw) : raw
  return text.replace(schemeAndSlashes, "$1://")
}

/** Where the host begins of a URL with its scheme in lower case, as nearly all are written; 0 for any other and for one that ends there. */
const usualHost = (raw: string): number => {
  const host = raw.startsWith("https://") ? 8 : raw.startsWith("http://") ? 7 : 0
  return raw.length > host ? host : 0
}

const slash = 0x2f
const backslash = 0x5c

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
