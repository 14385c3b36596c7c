/** The candidate that a misspelt word most likely meant; null where none is near. */
export const didYouMean = (word: string, candidates: Iterable<string>, changesMax = Infinity): string | null => {
  const wanted = fold(word)
  let best: string | null = null
  let bestDistance = Math.min(Math.max(1, Math.floor(wanted.length / 3)), changesMax) + 1
  for (const candidate of candidates) {
    const distance = editDistance(wanted, fold(candidate), bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** A sentence's end: ` Did you mean x?`, or nothing. */
export const suggestion = (word: string, candidates: Iterable<string>): string => {
  const meant = didYouMean(word, candidates)
  return meant === null || meant === word ? "" : ` Did you mean ${meant}?`
}

const fold = (word: string): string =>
  word
    .slice(0, 64)
    .toLowerCase()
    .replaceAll(/[-_\s.]/g, "")

// Optimal string alignment: a swap of neighbours counts as one change.
const editDistance = (left: string, right: string, stopAt: number): number => {
  if (Math.abs(left.length - right.length) >= stopAt) return stopAt
  let beforePrevious: Array<number> = []
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1]
      let cost = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (same ? 0 : 1))
      const swapped =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (swapped) cost = Math.min(cost, beforePrevious[column - 2]! + 1)
      current.push(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[right.length]!
}
