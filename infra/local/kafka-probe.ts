/** Asks a broker for its cluster's brokers in Kafka's own protocol (Metadata, version 4): no client, no retries, no logs. */
import { connect } from "node:net"
import * as Effect from "effect/Effect"

/** The ids of the brokers that the one at this address knows; null while it does not answer. */
export const brokersKnownAt = (address: string, timeoutMillis = 2_000): Effect.Effect<ReadonlyArray<number> | null> =>
  Effect.callback<ReadonlyArray<number> | null>((resume) => {
    const { host, port } = parseAddress(address)
    const socket = connect({ host, port })
    const done = (result: ReadonlyArray<number> | null) => {
      socket.destroy()
      resume(Effect.succeed(result))
    }
    let received = Buffer.alloc(0)
    socket.setTimeout(timeoutMillis, () => done(null))
    socket.once("error", () => done(null))
    socket.once("close", () => done(null))
    socket.once("connect", () => socket.write(metadataRequest()))
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) done(brokerIds(received))
    })
    return Effect.sync(() => socket.destroy())
  })

/** Whether anything accepts connections there: all that can be asked of a broker that wants TLS or a login. */
export const accepts = (address: string, timeoutMillis = 5_000): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const { host, port } = parseAddress(address)
    const socket = connect({ host, port })
    const done = (result: boolean) => {
      socket.destroy()
      resume(Effect.succeed(result))
    }
    socket.setTimeout(timeoutMillis, () => done(false))
    socket.once("error", () => done(false))
    socket.once("connect", () => done(true))
    return Effect.sync(() => socket.destroy())
  })

/** `host:port`, `[::1]:port`; 9092 where the port is left out. */
const parseAddress = (address: string): { readonly host: string; readonly port: number } => {
  const match = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(address.trim())
  return { host: match?.[1] ?? match?.[2] ?? address, port: Number(match?.[3] ?? 9092) }
}

// Header version 1 (api key 3, version 4, correlation id, client id), then no topics and no creation of topics.
const metadataRequest = (): Buffer => {
  const clientId = Buffer.from("capi-probe")
  const body = Buffer.alloc(2 + 2 + 4 + 2 + clientId.length + 4 + 1)
  body.writeInt16BE(3, 0)
  body.writeInt16BE(4, 2)
  body.writeInt32BE(1, 4)
  body.writeInt16BE(clientId.length, 8)
  clientId.copy(body, 10)
  body.writeInt32BE(0, 10 + clientId.length)
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}

// size, correlation id, throttle time, then the brokers: id, host, port, rack.
const brokerIds = (response: Buffer): ReadonlyArray<number> | null => {
  if (response.length < 16) return null
  const count = response.readInt32BE(12)
  const ids: Array<number> = []
  let at = 16
  for (let index = 0; index < count && at + 6 <= response.length; index++) {
    ids.push(response.readInt32BE(at))
    at += 4
    at += 2 + response.readInt16BE(at) + 4
    at += 2 + Math.max(0, response.readInt16BE(at))
  }
  return ids
}
