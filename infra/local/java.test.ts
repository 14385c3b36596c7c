import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { javaMajorVersion, requireJava } from "./java.ts"

// A JAVA_HOME whose java prints this version.
const javaHome = (version: string): string => {
  const home = temporaryFolder()
  mkdirSync(path.join(home, "bin"))
  const file = path.join(home, "bin/java")
  writeFileSync(file, `#!/bin/sh\necho 'openjdk version "${version}" 2020-01-01' >&2\n`)
  chmodSync(file, 0o755)
  return home
}

it("reads old and new version numbers", () => {
  assert.strictEqual(javaMajorVersion('java version "1.8.0_292"'), 8)
  assert.strictEqual(javaMajorVersion('openjdk version "17.0.15" 2025-04-15'), 17)
  assert.strictEqual(javaMajorVersion('openjdk version "25-ea" 2025-09-16'), 25)
  assert.isNull(javaMajorVersion("command not found"))
})

it.live("no Java, an old one, a good one", () =>
  Effect.gen(function* () {
    assert.strictEqual((yield* Effect.flip(requireJava("/nowhere"))).code, "no_java")
    const old = yield* Effect.flip(requireJava(javaHome("11.0.2")))
    assert.strictEqual(old.code, "java_too_old")
    assert.match(old.message, /Java 11/)
    const home = javaHome("21.0.1")
    assert.strictEqual((yield* requireJava(home)).command, `${home}/bin/java`)
  })
)
