/** JSON with its keys and literals set apart, and a button that copies it. */
import { useState } from "preact/hooks"
import { Icon } from "./icons.tsx"

/** Longer texts are shown as plain text: thousands of elements would block the page. */
const colouredMax = 40_000

export const Json = ({ value, label }: { value: unknown; label: string }) => {
  const text = typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "")
  return (
    <section class="json" tabIndex={0} aria-label={label}>
      <pre>{text.length > colouredMax ? text : coloured(text)}</pre>
    </section>
  )
}

/** Pieces of the text: a key with its colon, a string, or a literal. */
const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null|-?\d[\d.eE+-]*)\b/g

const coloured = (text: string) => {
  const parts = []
  let from = 0
  for (const match of text.matchAll(token)) {
    const kind = match[2] !== undefined ? "key" : match[1] === undefined ? "literal" : null
    if (kind === null) continue
    const piece = match[1] ?? match[0]
    parts.push(text.slice(from, match.index), <span class={kind}>{piece}</span>)
    from = match.index + piece.length
  }
  return [...parts, text.slice(from)]
}

export const CopyButton = ({ text, label }: { text: string; label: string }) => {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setCopied(true)
      setTimeout(() => setCopied(false), 1_500)
    } catch {
      // The browser refuses without a secure origin; the text can still be selected.
    }
  }
  return (
    <button
      type="button"
      class="button plain icon"
      title={copied ? "Copied" : label}
      aria-label={copied ? "Copied" : label}
      onClick={copy}
    >
      <Icon name="copy" />
    </button>
  )
}
