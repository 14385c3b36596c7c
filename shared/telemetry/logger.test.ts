import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { loggerLayer } from "./logger.ts"
import { CurrentKnownSecrets, KnownSecrets } from "./redaction.ts"

class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

const captured = (format: "json" | "pretty" | "auto", isTTY = false) => {
  const lines: Array<string> = []
  const output = { write: (line: string) => lines.push(line), isTTY }
  return { lines, layer: loggerLayer({ program: "test", level: "Info", format, output }) }
}

describe("the logger", () => {
  it.effect("writes one JSON line per entry, with annotations beside the text", () =>
    Effect.gen(function* () {
      const { lines, layer } = captured("auto")
      yield* Effect.log("Joined the group.").pipe(
        Effect.annotateLogs({ group: "normalizer", members: 2 }),
        Effect.andThen(Effect.logDebug("Too fine.")),
        Effect.provide(layer)
      )
      assert.strictEqual(lines.length, 1)
      const entry = JSON.parse(lines[0]!)
      assert.strictEqual(entry.message, "Joined the group.")
      assert.strictEqual(entry.level, "INFO")
      assert.strictEqual(entry.program, "test")
      assert.deepStrictEqual(entry.annotations, { group: "normalizer", members: 2 })
    })
  )

  it.effect("is coloured on a terminal only", () =>
    Effect.gen(function* () {
      const terminal = captured("auto", true)
      const file = captured("pretty", false)
      yield* Effect.log("Here.").pipe(Effect.provide(terminal.layer))
      yield* Effect.log("Here.").pipe(Effect.provide(file.layer))
      assert.include(terminal.lines[0], "\u001b[")
      assert.notInclude(file.lines[0], "\u001b[")
      assert.match(file.lines[0]!, /INFO {2}test Here\.\n$/)
    })
  )

  for (const format of ["json", "pretty"] as const)
    it.effect(`lets no secret and no identity through (${format})`, () =>
      Effect.gen(function* () {
        const known = new KnownSecrets()
        const secret = Redacted.make("s3cr3t-of-the-shop")
        known.add(secret)
        const { lines, layer } = captured(format)
        const plain = Redacted.value(secret)
        const error = new Refused({ message: `token ${plain} of jane@example.com` })
        yield* Effect.logError(`Refused ${plain}.`, { user: "jane@example.com" }, error).pipe(
          Effect.annotateLogs({ secret, nested: { phone: "+14155550132", [plain]: [plain] }, cause: error }),
          Effect.andThen(Effect.logError("Failed.", Cause.fail(error))),
          Effect.andThen(Effect.logError("Died.", Cause.die(new Error(`jane@example.com ${plain}`)))),
          Effect.provide(layer),
          Effect.provideService(CurrentKnownSecrets, known)
        )
        const text = lines.join("")
        assert.strictEqual(lines.length, 3)
        for (const part of [plain, "jane", "415555"]) assert.notInclude(text, part)
      })
    )
})
