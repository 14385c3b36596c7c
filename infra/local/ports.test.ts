import { execFileSync } from "node:child_process"
import { createServer } from "node:net"
import process from "node:process"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { choosePorts, freePort } from "./ports.ts"
import { openState } from "./state.ts"

const state = Effect.suspend(() => openState({ stateDirectory: temporaryFolder() }))

const occupy = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer()
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

it.live("a second start has the first one's ports, unless somebody took one", () =>
  Effect.gen(function* () {
    const folder = yield* state
    const [first = 0, second = 0] = yield* choosePorts(folder, "broker", 2)
    assert.notStrictEqual(first, second)
    assert.deepEqual(yield* choosePorts(folder, "broker", 2), [first, second])
    yield* occupy(first)
    const [other, same] = yield* choosePorts(folder, "broker", 2)
    assert.notStrictEqual(other, first)
    assert.strictEqual(same, second)
  })
)

it.live("a fixed port that is in use is an error with a next step", () =>
  Effect.gen(function* () {
    const port = yield* freePort
    yield* occupy(port)
    const error = yield* Effect.flip(choosePorts(yield* state, "broker", 1, port))
    assert.strictEqual(error.code, "port_in_use")
    assert.include(error.message, String(port))
  })
)

const portsOfOtherProcess = `
  import * as Effect from "effect/Effect"
  import { freePort } from ${JSON.stringify(new URL("./ports.ts", import.meta.url).href)}
  console.log(JSON.stringify(await Effect.runPromise(Effect.replicateEffect(freePort, 100))))
  process.exit()
`

it.live("a free port is given once, and the system gives it to no other", () =>
  Effect.gen(function* () {
    const given: Array<number> = []
    for (let count = 0; count < 200; count++) given.push(yield* freePort)
    assert.strictEqual(new Set(given).size, given.length)
    for (const port of given) assert.isTrue(port > 10_240 && port < 32_768, String(port))
    const elsewhere = execFileSync(process.execPath, ["--input-type=module", "-e", portsOfOtherProcess], {
      encoding: "utf8"
    })
    for (const port of JSON.parse(elsewhere)) assert.notInclude(given, port)
  })
)
