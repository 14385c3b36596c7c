/**
 * Memory of request bodies, used again: a fresh MiB for each request costs its pages, and makes V8 collect the whole heap for
 * memory that is not in it.
 */
import type { Socket } from "node:net"

export class BodyBuffers {
  readonly #free: Array<Buffer> = []
  /** Of requests that are answered; a socket may still hold bytes of those that were answered early. */
  readonly #answered: Array<Buffer> = []
  readonly #sockets = new Set<Socket>()

  /** A socket that bodies are written to, until it closes. */
  watch(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once("close", () => this.#sockets.delete(socket))
  }

  /** At least `bytes` of memory, with anything in it. */
  take(bytes: number): Buffer {
    this.#reclaim()
    while (true) {
      const buffer = this.#free.pop()
      if (buffer === undefined) return Buffer.allocUnsafeSlow(Math.ceil((bytes * spare) / pageBytes) * pageBytes)
      if (buffer.length >= bytes) return buffer
    }
  }

  /** Memory of a request that is answered whole. What belongs to one that failed is left to the collector instead. */
  give(buffer: Buffer): void {
    if (this.#answered.length + this.#free.length < keptMax) this.#answered.push(buffer)
  }

  // Whatever was written before a moment when no socket holds anything has left.
  #reclaim(): void {
    if (this.#answered.length === 0) return
    for (const socket of this.#sockets) if (socket.writableLength > 0) return
    this.#free.push(...this.#answered.splice(0))
  }
}

/** Requests differ in size: so much more memory is taken, so that the next one fits too. */
const spare = 1.125
const pageBytes = 4096
const keptMax = 4
