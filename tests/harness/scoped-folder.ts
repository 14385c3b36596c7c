import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A temporary folder that is removed with the scope; KEEP_FOLDERS=1 leaves it, for the logs of a run that failed. */
export const scopedFolder = (name: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(path.join(tmpdir(), `capi-${name}-`))),
    (folder) =>
      Effect.sync(() => {
        if (process.env["KEEP_FOLDERS"] === "1") process.stderr.write(`Logs are in ${folder}.\n`)
        else rmSync(folder, { recursive: true, force: true })
      })
  )
