/**
 * Sorted runs of index entries, as in a log-structured merge tree: what came together is sorted once and written in order, and runs of
 * like size are merged. An entry is a term and a reference to a record, each an integer below 2^53. Pure.
 */

export interface Run {
  readonly terms: Float64Array
  /** In the order of `terms`; of equal terms in ascending order. */
  readonly references: Float64Array
}

/** Sorts entries, and leaves repeated ones out. Terms are below 2^47. */
export const sortedRun = (terms: ArrayLike<number>, references: ArrayLike<number>): Run => {
  if (terms.length > sortedMax) {
    const half = terms.length >>> 1
    const part = (from: number, to: number) =>
      sortedRun(Array.prototype.slice.call(terms, from, to), Array.prototype.slice.call(references, from, to))
    return mergedRun([part(0, half), part(half, terms.length)])
  }
  const run = new RunBuilder(terms.length)
  const order = orderOf(terms)
  for (let from = 0; from < order.length; ) {
    const term = terms[order[from]!]!
    let to = from + 1
    while (to < order.length && terms[order[to]!] === term) to++
    if (to - from > 1) order.subarray(from, to).sort((left, right) => references[left]! - references[right]!)
    for (; from < to; from++) run.add(term, references[order[from]!]!)
  }
  return run.build()
}

const indexBits = 17
const sortedMax = 2 ** indexBits

/**
 * Indexes in the order of their terms, by a sort of 64-bit numbers of term and index: a sort of typed arrays without a function to compare
 * takes a quarter of the time of one with it.
 */
const orderOf = (terms: ArrayLike<number>): Uint32Array => {
  const keys = new BigUint64Array(terms.length)
  const words = new DataView(keys.buffer)
  for (let index = 0; index < keys.length; index++) {
    const term = terms[index]!
    const high = Math.floor(term / 2 ** (32 - indexBits))
    words.setUint32(8 * index + highWord, high, isLittleEndian)
    words.setUint32(8 * index + lowWord, (term - high * 2 ** (32 - indexBits)) * 2 ** indexBits + index, isLittleEndian)
  }
  keys.sort()
  const order = new Uint32Array(keys.length)
  for (let index = 0; index < order.length; index++)
    order[index] = words.getUint32(8 * index + lowWord, isLittleEndian) & (sortedMax - 1)
  return order
}

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
const [lowWord, highWord] = isLittleEndian ? [0, 4] : [4, 0]

/** Merges sorted runs into one, and leaves repeated entries out. */
export const mergedRun = (runs: ReadonlyArray<Run>): Run => {
  const heads = runs.map(() => 0)
  const merged = new RunBuilder(runs.reduce((sum, { terms }) => sum + terms.length, 0))
  for (;;) {
    let least = -1
    for (let index = 0; index < runs.length; index++) {
      const head = heads[index]!
      if (head >= runs[index]!.terms.length) continue
      if (least < 0 || isBefore(runs[index]!, head, runs[least]!, heads[least]!)) least = index
    }
    if (least < 0) return merged.build()
    const head = heads[least]!++
    merged.add(runs[least]!.terms[head]!, runs[least]!.references[head]!)
  }
}

const isBefore = (left: Run, leftAt: number, right: Run, rightAt: number): boolean => {
  const difference = left.terms[leftAt]! - right.terms[rightAt]!
  return difference < 0 || (difference === 0 && left.references[leftAt]! < right.references[rightAt]!)
}

class RunBuilder {
  private readonly terms: Float64Array
  private readonly references: Float64Array
  private length = 0

  constructor(lengthMax: number) {
    this.terms = new Float64Array(lengthMax)
    this.references = new Float64Array(lengthMax)
  }

  add(term: number, reference: number): void {
    const last = this.length - 1
    if (last >= 0 && this.terms[last] === term && this.references[last] === reference) return
    this.terms[this.length] = term
    this.references[this.length++] = reference
  }

  build(): Run {
    return { terms: this.terms.subarray(0, this.length), references: this.references.subarray(0, this.length) }
  }
}

/** Entries of a block, in which runs are stored: two blocks fill a page of the file. */
export const blockEntries = 500

/** Bytes of a block's entries: the terms, then the references. */
export const blockBytes = ({ terms, references }: Run, from: number): Uint8Array => {
  const to = Math.min(terms.length, from + blockEntries)
  const values = new Float64Array(2 * (to - from))
  values.set(terms.subarray(from, to))
  values.set(references.subarray(from, to), to - from)
  return new Uint8Array(values.buffer)
}

export const blockOf = (bytes: Uint8Array): Run => {
  // A copy, since the numbers must lie at a multiple of eight bytes.
  const values = new Float64Array(bytes.slice().buffer)
  const half = values.length / 2
  return { terms: values.subarray(0, half), references: values.subarray(half) }
}

/** The references of a term in a run. */
export const referencesIn = ({ terms, references }: Run, term: number): ReadonlyArray<number> => {
  let low = 0
  let high = terms.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (terms[middle]! < term) low = middle + 1
    else high = middle
  }
  const found: Array<number> = []
  for (let at = low; at < terms.length && terms[at] === term; at++) found.push(references[at]!)
  return found
}

export const joinedRun = (blocks: ReadonlyArray<Run>): Run => {
  const length = blocks.reduce((sum, { terms }) => sum + terms.length, 0)
  const run = { terms: new Float64Array(length), references: new Float64Array(length) }
  let at = 0
  for (const { terms, references } of blocks) {
    run.terms.set(terms, at)
    run.references.set(references, at)
    at += terms.length
  }
  return run
}
