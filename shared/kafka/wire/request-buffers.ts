/**
 * Buffers of produce requests, used again once the broker has answered. V8 collects its whole heap the more often the more
 * buffers it sees come and go (docs/performance.md).
 */

/** A buffer of at least so many bytes, whose content is anything. */
export const takeRequestBuffer = (bytes: number): Buffer => {
  const fitting = free.findIndex(({ length }) => length >= bytes)
  if (fitting < 0) return Buffer.allocUnsafeSlow(Math.ceil(bytes / stepBytes) * stepBytes)
  const [buffer] = free.splice(fitting, 1)
  freeBytes -= buffer!.length
  return buffer!
}

/** The request was answered, so that all of it was sent: nothing may read the buffer any more. */
export const giveBackRequestBuffer = (buffer: Buffer): void => {
  if (freeBytes + buffer.length > freeBytesMax) return
  free.push(buffer)
  freeBytes += buffer.length
}

const free: Array<Buffer> = []
let freeBytes = 0
const freeBytesMax = 8 * 1024 * 1024
/** Few sizes, so that a free buffer mostly fits. */
const stepBytes = 128 * 1024
