/** Free TCP ports, remembered in the state folder so that a second start has the same ones where it can. */
import { randomInt } from "node:crypto"
import { createServer, type Server } from "node:net"
import path from "node:path"
import * as Effect from "effect/Effect"
import { type LocalError, problem } from "./problem.ts"
import { readJson, type State, writeJson } from "./state.ts"

/**
 * `count` ports for a service: the fixed one first if it is given (in use: `port_in_use`), else those of the last start
 * that are still free, else new ones.
 */
export const choosePorts = (
  state: State,
  service: string,
  count: number,
  fixed?: number
): Effect.Effect<ReadonlyArray<number>, LocalError> =>
  Effect.gen(function* () {
    const known = knownPorts(state, service)
    const ports: Array<number> = []
    for (let index = 0; index < count; index++) {
      const wanted = index === 0 && fixed !== undefined ? fixed : known[index]
      const got = wanted !== undefined && (yield* isFree(wanted)) ? wanted : null
      if (got === null && index === 0 && fixed !== undefined) {
        return yield* problem(
          "port_in_use",
          `Port ${fixed} for the ${service} is in use.`,
          "End the program that has it, or leave the port out: a free one is then chosen."
        )
      }
      ports.push(got ?? (yield* freePort))
    }
    yield* Effect.sync(() => writeJson(fileOf(state), { ...read(state), [service]: ports }))
    return ports
  })

/** The ports of the last start, of which the service may still run. */
export const knownPorts = (state: State, service: string): ReadonlyArray<number> => read(state)[service] ?? []

const fileOf = (state: State): string => path.join(state.directory, "ports.json")
const read = (state: State) => readJson<Readonly<Record<string, ReadonlyArray<number>>>>(fileOf(state), {})

/** Whether nothing listens on the port of this machine's loopback. */
export const isFree = (port: number): Effect.Effect<boolean> =>
  listen(port).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false)
  )

/**
 * A port that is free now, and that no other process takes until a program listens on it, which may be seconds later: each is given
 * once, to one process, and the system chooses it neither for an outgoing connection nor for a server on port 0.
 */
export const freePort: Effect.Effect<number> = Effect.gen(function* () {
  for (;;) {
    if (block.next === block.end) block = yield* claimBlock
    const port = block.next++
    if (yield* isFree(port)) return port
  }
})

let block = { next: 0, end: 0 }

/** Below what Linux (32768 and up) and macOS (49152 and up) choose from. */
const firstPort = 10_240
const blockPorts = 64
const blocks = 352

/** A block of ports for this process alone: it listens on the block's first one until it ends. */
const claimBlock = Effect.gen(function* () {
  for (;;) {
    const first = firstPort + randomInt(blocks) * blockPorts
    const claimed = yield* Effect.orElseSucceed(opened(first), () => null)
    if (claimed === null) continue
    claimed.unref()
    return { next: first + 1, end: first + blockPorts }
  }
})

const listen = (port: number): Effect.Effect<void, Error> =>
  Effect.flatMap(opened(port), (server) =>
    Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  )

const opened = (port: number): Effect.Effect<Server, Error> =>
  Effect.callback<Server, Error>((resume) => {
    const server = createServer()
    server.once("error", (cause) => resume(Effect.fail(cause)))
    server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
  })
