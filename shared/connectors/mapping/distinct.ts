/** The texts, each once, in order. The few of a usual event are compared with one another, many are looked up. */
export const distinct = (texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (texts.length > comparedMax) return [...new Set(texts)]
  const once: Array<string> = []
  for (let index = 0; index < texts.length; index++) {
    const text = texts[index]!
    if (!once.includes(text)) once.push(text)
  }
  return once
}

const comparedMax = 16
