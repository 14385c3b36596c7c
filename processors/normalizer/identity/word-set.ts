/** Fixed sets of words, made for being asked about texts that are nearly never among them. */

/**
 * Whether a text is one of the words. First and last character decide for most texts, which spares computing the hash of
 * a fresh text.
 */
export const wordSet = (words: Iterable<string>): ((text: string) => boolean) => {
  const known = new Set(words)
  const ends = new Uint8Array(endsMax)
  for (const word of known) ends[endsOf(word)] = 1
  return (text) => ends[endsOf(text)] === 1 && known.has(text)
}

/** The same number for texts with the same first and last character; the case of ASCII letters makes no difference. */
const endsOf = (text: string): number => ((text.charCodeAt(0) & 31) << 5) | (text.charCodeAt(text.length - 1) & 31)

const endsMax = 1024
