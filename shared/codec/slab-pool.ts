/** Slabs that were given back, for the next to take: V8 collects its whole heap the more often the more buffers it sees come and go. */

export const slabBytes = 256 * 1024

export const takeSlab = (): Buffer => free.pop() ?? Buffer.allocUnsafeSlow(slabBytes)

/** Nothing may read or write the slab any more. */
export const giveBackSlab = (slab: Buffer): void => {
  if (slab.length === slabBytes && free.length < freeMax) free.push(slab)
}

const free: Array<Buffer> = []
/** Beyond that V8 is to free them: as much as lies between a step and its commit when the load is high. */
const freeMax = 32
