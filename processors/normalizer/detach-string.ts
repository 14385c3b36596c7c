/**
 * Copies a key that was sliced from a record's string: V8 slices retain the whole record, and keys live until the commit, which is
 * long enough for every record's text to need a full collection. (Other records are read with copied strings.)
 */
export const detachString = (text: string): string => {
  if (text.length < cutLengthMin || text.length > lengthMax) return text
  return scratch.toString("utf8", 0, scratch.write(text))
}

/** Shorter pieces are copies anyway. */
const cutLengthMin = 13
const lengthMax = 1_024
const scratch = Buffer.allocUnsafeSlow(3 * lengthMax)
