/** What programs did to a value before it came: escaped it for a page, read it as a number, wrote it in a wrong encoding, hashed it. */
import { clean, withoutSpaces } from "./text.ts"

/**
 * A cleaned name with the references of HTML as the characters that they stand for, as shops escape it for their pages
 * (`O&#039;Neil`, `M&uuml;ller`). Other text is given as it is.
 */
export const unescaped = (cleaned: string): string => {
  if (!cleaned.includes("&")) return cleaned
  // Some escape twice: `O&amp;#39;Neil`.
  const once = cleaned.replace(references, characterOf)
  return clean(once.replace(references, characterOf))
}

const references = /&(?:#([0-9]{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi

const characterOf = (reference: string, decimal?: string, hex?: string, name?: string): string => {
  if (name === undefined) {
    const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal)
    return code > 0x10ffff ? reference : String.fromCodePoint(code)
  }
  const known = named[name]
  if (known !== undefined) return known
  const mark = marks[name.slice(1)]
  return mark === undefined ? reference : name.charAt(0) + mark
}

/** The ones of XML, and letters of Latin-1 that are not one with a mark. */
const named: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  amp: "&",
  apos: "'",
  quot: '"',
  lt: "<",
  gt: ">",
  nbsp: " ",
  lsquo: "‘",
  rsquo: "’",
  szlig: "ß",
  oslash: "ø",
  Oslash: "Ø",
  aelig: "æ",
  AElig: "Æ",
  oelig: "œ",
  OElig: "Œ",
  eth: "ð",
  ETH: "Ð",
  thorn: "þ",
  THORN: "Þ"
})

const marks: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  grave: "\u0300",
  acute: "\u0301",
  circ: "\u0302",
  tilde: "\u0303",
  uml: "\u0308",
  ring: "\u030a",
  caron: "\u030c",
  cedil: "\u0327"
})

/** Without full-width characters of ASCII and the full stop of Japanese, as keyboards there type them: no address has them. */
export const narrow = (value: string): string =>
  value.replace(fullWidth, (character) =>
    character === "\u3002" ? "." : String.fromCharCode(character.charCodeAt(0) - 0xfee0)
  )

const fullWidth = /[\uff01-\uff5e\u3002]/g

/** Whether a character was lost: bytes that were no UTF-8, as of text in Latin-1, are read as U+FFFD. The hash would be another name's. */
export const isDamaged = (value: string): boolean => value.includes("\ufffd")

/** SHA-256 in Base64, which Google takes from other programs: 32 bytes. No name ends so. */
export const isBase64Hash = (value: string): boolean => value.length === 44 && base64Hash.test(value)

const base64Hash = /^[A-Za-z0-9+/_-]{43}=$/

/** Digits that a table of numbers had as a floating-point number (`4155550132.0`), without what that added. */
export const withoutFraction = (value: string): string => {
  if (!value.endsWith("0")) return value
  const bare = withoutSpaces(value)
  return withFraction.test(bare) ? bare.slice(0, -2) : value
}

const withFraction = /^\+?[0-9]{3,20}\.0$/
