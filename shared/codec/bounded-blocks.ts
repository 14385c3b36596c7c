/**
 * avsc trusts the item count of a block of an array or map. A few hostile bytes can announce 2⁵³ items, and the reader
 * would loop for ever after the end of the record. Here a block may not announce more items than bytes are
 * left, and must use them: a hostile record ends as `undecodable`. It replaces the readers of avsc's two block types.
 */
import avro from "avsc"

interface Tap {
  readonly buf: Buffer
  pos: number
  readonly readLong: () => number
  readonly readString: () => string
  readonly skipLong: () => void
  readonly skipString: () => void
}
interface ItemType {
  readonly _read: (tap: Tap) => unknown
  readonly _skip: (tap: Tap) => void
}
interface ArrayReader {
  readonly itemsType: ItemType
}
interface MapReader {
  readonly valuesType: ItemType
}

/** Replaces the readers; a second call changes nothing. */
export const boundBlocks = (): void => {
  Object.assign(avro.types.ArrayType.prototype, {
    _read(this: ArrayReader, tap: Tap): ReadonlyArray<unknown> {
      const items: Array<unknown> = []
      for (let count = blockSize(tap); count > 0; count = blockSize(tap)) {
        const end = tap.pos + count
        while (count-- > 0) items.push(this.itemsType._read(tap))
        refuseEmptyItems(tap, end)
      }
      return items
    },
    _skip(this: ArrayReader, tap: Tap): void {
      for (let count = blockToSkip(tap); count > 0; count = blockToSkip(tap)) {
        const end = tap.pos + count
        while (count-- > 0) this.itemsType._skip(tap)
        refuseEmptyItems(tap, end)
      }
    }
  })
  Object.assign(avro.types.MapType.prototype, {
    _read(this: MapReader, tap: Tap): Readonly<Record<string, unknown>> {
      const values: Record<string, unknown> = {}
      for (let count = blockSize(tap); count > 0; count = blockSize(tap)) {
        while (count-- > 0) values[tap.readString()] = this.valuesType._read(tap)
      }
      return values
    },
    _skip(this: MapReader, tap: Tap): void {
      for (let count = blockToSkip(tap); count > 0; count = blockToSkip(tap)) {
        while (count-- > 0) {
          tap.skipString()
          this.valuesType._skip(tap)
        }
      }
    }
  })
}

// A negative count is followed by the block's size in bytes (Avro specification, "Arrays" and "Maps").
const blockSize = (tap: Tap): number => {
  let count = tap.readLong()
  if (count < 0) {
    count = -count
    tap.skipLong()
  }
  if (count > tap.buf.length - tap.pos) refuse()
  return count
}

// Skips blocks of a known size; returns the count of the next block without one.
const blockToSkip = (tap: Tap): number => {
  for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
    if (count > 0) {
      if (count > tap.buf.length - tap.pos) refuse()
      return count
    }
    const bytes = tap.readLong()
    if (bytes < 0 || bytes > tap.buf.length - tap.pos) refuse()
    tap.pos += bytes
  }
  return 0
}

// Items of no bytes (a null, an empty record) would let each byte of a record announce as many items as it has bytes.
const refuseEmptyItems = (tap: Tap, end: number): void => {
  if (tap.pos < end) refuse()
}

// avsc's readers throw; `decode` catches it.
const refuse = (): never => {
  throw new Error("A block announces more items than the record has bytes.")
}
