/** Takes secrets and personal data out of text on its way to a log, an error line or a metric. */
import * as Context from "effect/Context"
import * as Redacted from "effect/Redacted"

/** The fewest characters of a secret that is looked for in texts; shorter ones would hit other words. */
const secretCharactersMin = 6
/** The most secrets remembered; the oldest is forgotten first. */
const secretsMax = 10_000

/** Secret values in use, replaced wherever they stand in a text. Credentials register what they resolve. */
export class KnownSecrets {
  readonly #values = new Set<string>()

  add(secret: Redacted.Redacted<string>): void {
    const value = Redacted.value(secret)
    if (value.length < secretCharactersMin) return
    for (const spelling of spellings(value)) this.#values.add(spelling)
    for (const oldest of this.#values) {
      if (this.#values.size <= secretsMax) break
      this.#values.delete(oldest)
    }
  }

  hide(text: string): string {
    let hidden = text
    for (const value of this.#values) if (hidden.includes(value)) hidden = hidden.replaceAll(value, "<redacted>")
    return hidden
  }
}

/** The process's known secrets. */
export const CurrentKnownSecrets = Context.Reference<KnownSecrets>("shared/telemetry/KnownSecrets", {
  defaultValue: () => processSecrets
})
export const processSecrets = new KnownSecrets()

/** A text without known secrets and without anything that looks like a credential or a person's identifier. */
export const redact = (text: string, secrets: KnownSecrets = processSecrets): string => {
  let hidden = secrets.hide(text)
  for (const [pattern, replacement] of credentials) hidden = hidden.replace(pattern, replacement)
  if (hidden.includes("@") || hidden.includes("%40")) hidden = hidden.replace(withoutDelimiters, withoutAddress)
  for (const [pattern, replacement] of identifiers) hidden = hidden.replace(pattern, replacement)
  return hidden
}

/** A copy of a value in which every text is redacted; bounded in depth and size, total on cycles. */
export const redactDeep = (value: unknown, secrets: KnownSecrets = processSecrets, depth = 0): unknown => {
  if (typeof value === "string") return redact(cut(value), secrets)
  if (typeof value === "bigint") return value.toString()
  if (value === null || typeof value !== "object") return typeof value === "function" ? "<function>" : value
  if (Redacted.isRedacted(value)) return "<redacted>"
  if (depth >= depthMax) return "<deeper>"
  if (Buffer.isBuffer(value) || value instanceof Uint8Array) return `<${value.length} bytes>`
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Error) return redact(cut(`${value.name}: ${value.message}`), secrets)
  if (Array.isArray(value)) return value.slice(0, elementsMax).map((item) => redactDeep(item, secrets, depth + 1))
  if (value instanceof Map) return redactDeep(Object.fromEntries(value), secrets, depth)
  if (value instanceof Set) return redactDeep([...value], secrets, depth)
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, elementsMax)
      .map(([key, item]) => [
        redact(key, secrets),
        secretKey.test(key) && item !== null ? "<redacted>" : redactDeep(item, secrets, depth + 1)
      ])
  )
}

const depthMax = 6
const elementsMax = 100
const textCharactersMax = 8_192

const cut = (text: string): string => (text.length > textCharactersMax ? `${text.slice(0, textCharactersMax)}…` : text)

const secretKey =
  /^(?:authorization|password|passphrase|secret|(?:access|refresh|bearer|id)[_-]?token|token|client[_-]?secret|app[_-]?secret|api[_-]?key|developer[_-]?token|master[_-]?key|cookie)$/i

// The order matters: the specific forms first, so that what they leave is not cut by a general one. Each takes time in
// proportion to the text: none begins again within what it has read.
const credentials: ReadonlyArray<readonly [RegExp, string]> = [
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi, "$1 <redacted>"],
  // Meta's sentences go on after the colon ("Error validating access token: Session has expired on …"): these words, whole, are kept.
  [
    /((?:access|refresh|id)[_-]?token|appsecret_proof|client[_-]?secret|app[_-]?secret|api[_-]?key|developer[_-]?token|password|secret|token)(["']?\s*[:=]\s*["']?)(?!(?<=\btoken: )(?:sessions?|this|users?|your|invalid|expired|missing|malformed)\.?(?:\s|$))[^\s"'&,;)}\]<]{4,}/gi,
    "$1$2<redacted>"
  ],
  // Meta's, Google's and JSON web tokens by their first characters.
  [/\bEAA[A-Za-z0-9]{16,}/g, "<token>"],
  [/\bya29\.[A-Za-z0-9._-]{8,}/g, "<token>"],
  [/\b1\/\/0[A-Za-z0-9_-]{16,}/g, "<token>"],
  [/\beyJ[A-Za-z0-9_-]{8}[A-Za-z0-9._-]*/g, "<token>"],
  // A user name and password in a URL.
  [/:\/\/[^\s/@:]+:[^\s/@]+@/g, "://<redacted>@"]
]

/** A piece of text in which an email address may stand whole. */
const withoutDelimiters = /[^\s"'<>()[\]{},;:=]+/g

/** The piece with everything up to the end of its last domain taken out, if it holds an address. */
const withoutAddress = (piece: string): string => {
  const at = atSign.exec(piece)
  if (at === null) return piece
  const domain = at.index + at[0].length
  let end = piece.length
  for (let index = end - 1; index > domain; index--) {
    const code = piece.charCodeAt(index)
    if (!endsDomain(code)) continue
    if (code === dot && end - index > topLevelMin) return `<email>${piece.slice(end)}`
    end = index
  }
  return piece
}

const atSign = /[^@](?:@|%40)/u
/** Characters of the last part of a domain. */
const topLevelMin = 2
const dot = 0x2e
/** A dot, or what begins the query or the next address. */
const endsDomain = (code: number): boolean => code === dot || code === 0x3f || code === 0x26 || code === 0x40

const identifiers: ReadonlyArray<readonly [RegExp, string]> = [
  // A hash of an identifier still names the person to whoever holds a list of candidates.
  [/\b[0-9a-f]{64}\b/gi, "<hash>"],
  // WhatsApp's business-scoped user ids.
  [/\b[A-Z]{2}\.(?:ENT\.)?(?=[A-Za-z]{0,127}\d)[A-Za-z0-9]{8,128}\b/g, "<user id>"],
  [/(?<![\w+.])\+[1-9](?:[\s().-]{0,2}\d){6,14}(?!\d)/g, "<phone>"]
]

const spellings = (value: string): ReadonlyArray<string> => {
  const encoded = encodeURIComponent(value.toWellFormed())
  const quoted = JSON.stringify(value).slice(1, -1)
  return [...new Set([value, encoded, quoted])]
}
