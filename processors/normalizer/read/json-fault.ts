/** What is wrong with a text that is no JSON, without a word of it: the parser's own message quotes it, and it may be personal data. */

/** @param cause what `JSON.parse` threw for the text */
export const jsonFault = (text: string, cause: unknown): string =>
  `The record is not valid JSON${reasonOf(text, cause)}.`

const reasonOf = (text: string, cause: unknown): string => {
  const message = cause instanceof Error ? cause.message : ""
  const position = positionIn.exec(message)?.[1]
  if (message.startsWith("Unexpected non-whitespace character after JSON"))
    return `: more follows behind the object, at character ${position}. A record is one event`
  if (Number(position) === text.length || message.startsWith("Unexpected end")) return ": it ends too early"
  if (singleQuotes.test(text)) return ": its names are in single quotes, as Python prints a dictionary. Use json.dumps"
  const word = notJson.exec(text)?.[1]
  if (word !== undefined) return `: ${word} is not a value of JSON`
  return position === undefined ? "" : `, from character ${position} on`
}

const positionIn = /(?:in|after) JSON at position ([0-9]+)/
const singleQuotes = /^\s*\{\s*'/
/** What programs write that take their own values for JSON. */
const notJson = /[:,[]\s{0,8}(-?(?:NaN|Infinity)|None|True|False|undefined)\s{0,8}[,}\]]/
