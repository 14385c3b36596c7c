/**
 * A text of a raw event as the key of an output, on its own (other records are read with texts of their own). V8 keeps the whole
 * text of a record for a piece that was cut from it, and keys live until the commit: long enough to make of every record's text
 * what only a collection of the whole heap frees.
 */
export const detachString = (text: string): string => {
  if (text.length < cutLengthMin || text.length > lengthMax) return text
  return scratch.toString("utf8", 0, scratch.write(text))
}

/** Shorter pieces are copies anyway. */
const cutLengthMin = 13
const lengthMax = 1_024
const scratch = Buffer.allocUnsafeSlow(3 * lengthMax)
