/** What was checked, as it goes and in the end. */
import process from "node:process"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

export interface Report {
  /** Runs a check and prints how it went; what it fails with is written down, and the next check follows. */
  readonly check: <E extends { readonly message: string }, R>(
    name: string,
    work: Effect.Effect<unknown, E, R>
  ) => Effect.Effect<boolean, never, R>
  /** Prints the counts; true if nothing failed and something was checked. */
  readonly end: () => boolean
}

export const makeReport = (): Report => {
  let [passed, failed] = [0, 0]
  return {
    check: (name, work) =>
      Effect.gen(function* () {
        const from = yield* Clock.currentTimeMillis
        const result = yield* Effect.result(work)
        const seconds = (((yield* Clock.currentTimeMillis) - from) / 1000).toFixed(1)
        const well = result._tag === "Success"
        if (well) passed++
        else failed++
        print(`${well ? "pass" : "FAIL"}  ${name} (${seconds} s)`)
        if (!well) print(result.failure.message.replaceAll(/^/gm, "      "))
        return well
      }),
    end: () => {
      print(`\n${passed} passed, ${failed} failed`)
      return failed === 0 && passed > 0
    }
  }
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)
