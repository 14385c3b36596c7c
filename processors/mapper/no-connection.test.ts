import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { warnOfNoConnection } from "./program.ts"

it.effect("where no connection is enabled the log says that events go nowhere, and how they are sent later", () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(String(message)))
  return Effect.gen(function* () {
    yield* warnOfNoConnection([builtinConnection("meta")])
    assert.deepStrictEqual(lines, [])
    yield* warnOfNoConnection([])
    assert.strictEqual(lines.length, 1)
    assert.include(lines[0], "./capi replay --stage mapper")
  }).pipe(Effect.provide(Logger.layer([logger])))
})
