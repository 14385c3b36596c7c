/** Requests of versions that kafkajs does not have, over the connection that it has to a broker. */
import type { Broker } from "kafkajs"
import { unsignedVarintBytes, writeUnsignedVarint } from "../wire/produce-request.ts"

export interface RawRequest<A> {
  readonly apiKey: number
  readonly apiVersion: number
  readonly apiName: string
  /** What follows the request's header of version 1. */
  readonly body: Buffer
  /** Reads what follows the response's header of version 0. */
  readonly read: (response: ResponseReader) => A
  /** Throws where the response says that the request failed. */
  readonly check?: (value: A) => void
}

interface Connection {
  readonly send: (given: {
    readonly request: {
      readonly apiKey: number
      readonly apiVersion: number
      readonly apiName: string
      readonly encode: () => Promise<{ readonly buf: Buffer; readonly offset: number }>
    }
    readonly response: {
      readonly decode: (payload: Buffer) => Promise<Decoded>
      readonly parse: (data: Decoded) => Promise<Decoded>
    }
  }) => Promise<Decoded>
}
type Decoded = { readonly value: unknown; readonly clientSideThrottleTime: number }

/** kafkajs's type lacks the connections of a broker; its class has them. */
type ConnectedBroker = Broker & { readonly connectionPool: { readonly getConnection: () => Promise<Connection> } }

export const sendRaw = async <A>(broker: Broker, { body, read, check, ...request }: RawRequest<A>): Promise<A> => {
  const connection = await (broker as ConnectedBroker).connectionPool.getConnection()
  const { value } = await connection.send({
    request: { ...request, encode: async () => ({ buf: body, offset: body.length }) },
    response: {
      decode: async (payload) => ({ value: read(new ResponseReader(payload)), clientSideThrottleTime: 0 }),
      parse: async (data) => {
        check?.(data.value as A)
        return data
      }
    }
  })
  return value as A
}

/** A list of STRINGs with its length, as requests before the compact forms have it. */
export const textList = (texts: ReadonlyArray<string>): Buffer => {
  const count = Buffer.alloc(4)
  count.writeInt32BE(texts.length)
  return Buffer.concat([
    count,
    ...texts.flatMap((each) => {
      const text = Buffer.from(each)
      const length = Buffer.alloc(2)
      length.writeInt16BE(text.length)
      return [length, text]
    })
  ])
}

/** A COMPACT_STRING. */
export const compactText = (text: string): Buffer => {
  const bytes = Buffer.from(text)
  return Buffer.concat([varint(bytes.length + 1), bytes])
}

/** UNSIGNED_VARINT. */
export const varint = (value: number): Buffer => {
  const bytes = Buffer.alloc(unsignedVarintBytes(value))
  writeUnsignedVarint(bytes, 0, value)
  return bytes
}

/** Reads the protocol's primitive types from front to back. */
export class ResponseReader {
  readonly #payload: Buffer
  #at = 0

  constructor(payload: Buffer) {
    this.#payload = payload
  }

  /** Bytes that were read or skipped. */
  get position(): number {
    return this.#at
  }

  skip(bytes: number): void {
    this.#at += bytes
  }

  int16(): number {
    this.#at += 2
    return this.#payload.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#payload.readInt32BE(this.#at - 4)
  }

  int64(): bigint {
    this.#at += 8
    return this.#payload.readBigInt64BE(this.#at - 8)
  }

  /** UNSIGNED_VARINT. */
  varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#payload.readUInt8(this.#at++)
      value += (byte & 0x7f) * 2 ** shift
      if ((byte & 0x80) === 0) return value
    }
  }

  /** STRING; an absent one is empty. */
  text(): string {
    return this.#take(this.int16())
  }

  /** BYTES, as a view. */
  bytes(): Buffer {
    const length = this.int32()
    this.#at += length
    return this.#payload.subarray(this.#at - length, this.#at)
  }

  /** BYTES that are not needed. */
  skipBytes(): void {
    this.skip(Math.max(0, this.int32()))
  }

  compactText(): string {
    return this.#take(this.varint() - 1)
  }

  /** ARRAY. */
  each(read: () => void): void {
    for (let left = this.int32(); left > 0; left--) read()
  }

  /** The length of an ARRAY whose elements of so many bytes are not needed. */
  count(bytesEach: number): number {
    const count = this.int32()
    this.skip(count * bytesEach)
    return count
  }

  /** COMPACT_ARRAY. */
  compactEach(read: () => void): void {
    for (let left = this.varint() - 1; left > 0; left--) read()
  }

  /** Tagged fields: calls back with each field's tag; what it does not read is skipped. */
  tagged(read: (tag: number) => void = () => undefined): void {
    for (let left = this.varint(); left > 0; left--) {
      const tag = this.varint()
      const bytes = this.varint()
      const end = this.#at + bytes
      read(tag)
      this.#at = end
    }
  }

  #take(bytes: number): string {
    if (bytes <= 0) return ""
    this.#at += bytes
    return this.#payload.toString("utf8", this.#at - bytes, this.#at)
  }
}
