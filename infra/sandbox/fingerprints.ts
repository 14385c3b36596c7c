/**
 * Counts keys in 16 bytes a slot: a 64-bit fingerprint, a count and the second of the first sight, in an open-addressed
 * table of typed arrays. Ten million keys are held in 512 MB at most; a false match needs two equal 64-bit hashes.
 */
export interface Fingerprints {
  /** Counts the key and answers how often it was seen before within `windowSeconds`. */
  readonly add: (key: string, second: number, windowSeconds: number) => number
  readonly size: () => number
  readonly clear: () => void
}

export const makeFingerprints = (capacity = 1 << 12): Fingerprints => {
  let table = allocate(capacity)
  let used = 0

  const add = (key: string, second: number, windowSeconds: number): number => {
    if (used * 2 >= table.mask + 1) {
      table = grow(table)
    }
    const low = hash(key, 0x811c9dc5)
    const high = hash(key, 0x9747b28c) || 1
    const slot = find(table, low, high)
    const before = table.counts[slot]!
    if (before === 0) {
      table.lows[slot] = low
      table.highs[slot] = high
      used++
    }
    const forgotten = before > 0 && second - table.seconds[slot]! > windowSeconds
    if (before === 0 || forgotten) {
      table.seconds[slot] = second
      table.counts[slot] = 1
      return 0
    }
    table.counts[slot] = before + 1
    return before
  }

  return {
    add,
    size: () => used,
    clear: () => {
      table = allocate(capacity)
      used = 0
    }
  }
}

interface Table {
  readonly mask: number
  readonly lows: Uint32Array
  readonly highs: Uint32Array
  readonly counts: Uint32Array
  readonly seconds: Uint32Array
}

const allocate = (size: number): Table => ({
  mask: size - 1,
  lows: new Uint32Array(size),
  highs: new Uint32Array(size),
  counts: new Uint32Array(size),
  seconds: new Uint32Array(size)
})

const find = (table: Table, low: number, high: number): number => {
  let slot = low & table.mask
  while (table.counts[slot] !== 0 && (table.lows[slot] !== low || table.highs[slot] !== high)) {
    slot = (slot + 1) & table.mask
  }
  return slot
}

const grow = (old: Table): Table => {
  const larger = allocate((old.mask + 1) * 2)
  for (let index = 0; index <= old.mask; index++) {
    if (old.counts[index] === 0) continue
    const slot = find(larger, old.lows[index]!, old.highs[index]!)
    larger.lows[slot] = old.lows[index]!
    larger.highs[slot] = old.highs[index]!
    larger.counts[slot] = old.counts[index]!
    larger.seconds[slot] = old.seconds[index]!
  }
  return larger
}

/** FNV-1a with a final mix; two seeds give the two halves of the fingerprint. */
const hash = (text: string, seed: number): number => {
  let value = seed
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
