/** Reads a file of the user, which may be a pipe of a shell. */
import { constants, openSync } from "node:fs"
import { readFile, stat } from "node:fs/promises"
import { Socket } from "node:net"
import { buffer } from "node:stream/consumers"

/**
 * All bytes of a file; of a named pipe, what is written to it until its end. No thread waits for the pipe, as it does in Node's own
 * functions: the end of the process would wait for the thread.
 */
export const readWhole = async (file: string): Promise<Buffer> => {
  if (!(await stat(file)).isFIFO()) return readFile(file)
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  return buffer(new Socket({ fd, readable: true, writable: false }))
}
