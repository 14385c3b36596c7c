import { once } from "node:events"
import { createRequire } from "node:module"
import { type AddressInfo, connect, createServer } from "node:net"
import { assert, it } from "@effect/vitest"
import "./index.ts"

const Connection = createRequire(import.meta.url)("kafkajs/src/network/connection") as new (options: {
  readonly host: string
  readonly port: number
  readonly logger: object
  readonly connectionTimeout: number
  readonly requestTimeout: number
  readonly socketFactory: (given: { readonly onConnect: () => void }) => object
}) => { readonly connect: () => Promise<boolean>; readonly disconnect: () => Promise<boolean> }

it("a connection is made once for all who ask at the same time, and again when it was lost", async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const silent = { debug: () => undefined, error: () => undefined, namespace: () => silent }
  const sockets: Array<ReturnType<typeof connect>> = []
  const connection = new Connection({
    host: "127.0.0.1",
    port,
    logger: silent,
    connectionTimeout: 10_000,
    requestTimeout: 10_000,
    socketFactory: ({ onConnect }) => {
      sockets.push(connect(port, "127.0.0.1", onConnect))
      return sockets.at(-1)!
    }
  })
  await Promise.all([connection.connect(), connection.connect(), connection.connect()])
  assert.lengthOf(sockets, 1)
  await connection.disconnect()
  await Promise.all([connection.connect(), connection.connect()])
  assert.lengthOf(sockets, 2)
  for (const socket of sockets) socket.destroy()
  server.close()
})
