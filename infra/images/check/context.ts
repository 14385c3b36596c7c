/** What is sent to the engine: a copy of this checkout in which credentials lie wherever people put them. */
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { repository } from "../../local/state.ts"
import { type CheckFailed, mustRun } from "./command.ts"
import { temporaryFolder } from "./engine.ts"
import { oddPaths, secretPaths } from "./planted.ts"

/** Copies what git has and would take, then plants a file at each place; each holds `marker` and its own path. */
export const makeContext = (marker: string): Effect.Effect<string, CheckFailed, Scope.Scope> =>
  Effect.tap(copyCheckout, (folder) =>
    Effect.sync(() => {
      for (const file of [...secretPaths, ...oddPaths]) {
        mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
        writeFileSync(path.join(folder, file), plantedText(marker, file))
      }
    })
  )

/** A folder with what git has and would take of this checkout, removed when the scope closes. */
export const copyCheckout: Effect.Effect<string, CheckFailed, Scope.Scope> = Effect.gen(function* () {
  const folder = yield* temporaryFolder("context")
  const listed = yield* mustRun("git", [
    ...["-C", repository],
    ...["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
  ])
  yield* Effect.sync(() => {
    for (const file of listed.out.split("\0").filter((one) => one !== "" && existsSync(path.join(repository, one))))
      cpSync(path.join(repository, file), path.join(folder, file))
  })
  return folder
})

/** What is planted at a path. */
export const plantedText = (marker: string, file: string): string => `${marker}<${file}>\n`
