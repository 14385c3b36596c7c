/** Bodies share memory that is used again: none may carry what belongs to another, whatever servers do. */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HttpRequestSpec } from "../connector.ts"
import { makeHttpTransport } from "./http-client.ts"

type Ending = "whole" | "early" | "reset" | "late"
const endings: ReadonlyArray<Ending> = ["whole", "early", "reset", "late"]

/** A body of one letter, and how the server is to treat it: an answer that is `late` never comes. */
const request = (origin: string, letter: string, bytes: number, ending: Ending): HttpRequestSpec => ({
  method: "POST",
  url: `${origin}/${letter}/${ending}`,
  headers: { "content-type": "application/json" },
  secretHeaders: {},
  secretParams: {},
  body: null,
  bodyBytes: (take) => take(bytes).subarray(0, bytes).fill(letter)
})

/** Notes each byte of a body that is not the letter of its address. */
const watchingServer = (wrong: Array<string>): Server =>
  createServer((incoming, response) => {
    const [, letter = "", ending] = (incoming.url ?? "").split("/")
    const read = () =>
      incoming.on("data", (chunk: Buffer) => {
        if (chunk.equals(Buffer.alloc(chunk.length, letter))) return
        const other = chunk.findIndex((byte) => byte !== letter.charCodeAt(0))
        wrong.push(`${letter} got ${chunk.toString("latin1", other, other + 9)}`)
      })
    incoming.on("end", () => {
      if (ending === "whole") response.end("whole")
      if (ending === "early") response.end()
    })
    if (ending === "reset") return incoming.once("data", () => incoming.destroy())
    if (ending !== "early") return read()
    // Answered whole while most of the body is still at the sender's, where others are sent meanwhile. An answer that is ended
    // would let Node throw the body away.
    response.writeHead(200, { "content-length": 5 }).write("early")
    return setTimeout(read, 100)
  })

it.live("carry their own bytes through early answers, resets and timeouts", () =>
  Effect.scoped(
    Effect.gen(function* () {
      const wrong: Array<string> = []
      const server = yield* Effect.acquireRelease(
        Effect.promise<Server>(
          () =>
            new Promise((resolve) => {
              const listening = watchingServer(wrong).listen(0, "127.0.0.1", () => resolve(listening))
            })
        ),
        (listening) =>
          Effect.promise(
            () =>
              new Promise<void>((resolve) => {
                listening.close(() => resolve())
                listening.closeAllConnections()
              })
          )
      )
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const transport = yield* makeHttpTransport({ connections: 4, timeoutMillis: 6_000 })
      const ended: Record<string, number> = {}
      yield* Effect.forEach(
        Array.from({ length: 24 }, (_, serial) => serial),
        (serial) => {
          const letter = String.fromCharCode(97 + (serial % 26))
          const ending = endings[serial % 6] ?? "whole"
          const bytes = 16_000_000 - (serial % 3) * 500_000
          return transport.execute(request(origin, letter, bytes, ending)).pipe(
            Effect.match({ onFailure: ({ code }) => code, onSuccess: ({ body }) => body }),
            Effect.tap((end) =>
              Effect.sync(() => {
                ended[end] = (ended[end] ?? 0) + 1
              })
            )
          )
        },
        { concurrency: 4, discard: true }
      )
      assert.deepStrictEqual(wrong, [])
      // How many of each a busy machine leaves is open, but each kind must have been there.
      for (const kind of ["whole", "timeout"]) assert.isAbove(ended[kind] ?? 0, 0)
      assert.isAbove((ended["early"] ?? 0) + (ended["reset"] ?? 0), 0)
    })
  )
)
