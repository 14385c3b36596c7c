import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { afterEach, assert, beforeEach, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { kafkaJars, kafkaVersion } from "./jars.ts"
import { inFolder, openState } from "./state.ts"

const usualPath = process.env["PATH"] ?? ""
afterEach(() => {
  process.env["PATH"] = usualPath
})
beforeEach(() => {
  process.env["PATH"] = `${slowMaven()}:${usualPath}`
})

/** A `mvn` in the place of Maven, which writes one file and then waits. */
const slowMaven = (): string => {
  const folder = temporaryFolder()
  const file = path.join(folder, "mvn")
  writeFileSync(
    file,
    `#!/bin/sh
[ "$1" = -version ] && exit
for argument; do case $argument in -DoutputDirectory=*) echo begun > "\${argument#*=}/first.jar" ;; esac; done
exec sleep 600
`
  )
  chmodSync(file, 0o755)
  return folder
}

it.live("a download that is interrupted leaves nothing, nor does one whose process was killed before", () =>
  Effect.gen(function* () {
    const jarsDirectory = temporaryFolder()
    const state = yield* openState({ stateDirectory: temporaryFolder(), jarsDirectory })
    const [part, killed, running] = [process.pid, 2 ** 31 - 1, process.ppid].map((pid) =>
      path.join(jarsDirectory, `kafka-${kafkaVersion}.${pid}.part`)
    )
    for (const folder of [killed!, running!]) mkdirSync(folder)
    writeFileSync(path.join(killed!, "half.jar"), "half")
    const download = yield* Effect.forkChild(kafkaJars(state))
    while (!existsSync(path.join(part!, "first.jar"))) yield* Effect.sleep("10 millis")
    assert.isFalse(existsSync(killed!), "what a killed process left")
    yield* Fiber.interrupt(download)
    assert.deepEqual(readdirSync(jarsDirectory), [path.basename(running!)])
  })
)

it.effect("a folder that cannot be used is named, with what to do, and is no bug to report", () =>
  Effect.gen(function* () {
    const file = path.join(temporaryFolder(), "a-file")
    writeFileSync(file, "")
    const stateDirectory = path.join(file, ".capi")
    for (const attempt of [openState({ stateDirectory }), inFolder(stateDirectory, () => mkdirSync(stateDirectory))]) {
      const { code, message, nextStep } = yield* Effect.flip(attempt)
      assert.strictEqual(code, "not_writable")
      assert.include(message, `${stateDirectory} cannot be used: ENOTDIR`)
      assert.include(nextStep, "the user to whom the folder belongs")
    }
  })
)
