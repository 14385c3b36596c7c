import { writeFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { catalog, minimal, withKeys } from "../testing/connections-file.ts"
import { loadConnectionsFile } from "./connections.ts"

const problemsOf = (bytes: Buffer) =>
  Effect.gen(function* () {
    const file = path.join(temporaryFolder(), "connections.yaml")
    writeFileSync(file, bytes)
    const { problems } = yield* Effect.flip(loadConnectionsFile(file, { catalog, variables: {} }))
    return problems.map(({ line, column, message, allowed }) => `${line}:${column} ${message} ${allowed}`)
  })

describe("a file of connections in another encoding", () => {
  it.effect("is refused where a value would become another one, at its place", () =>
    Effect.gen(function* () {
      const text = withKeys('mapping: { parameters: { size: { constant: "Größe" } } }')
      const line = text.split("\n").findIndex((one) => one.includes("Größe"))
      const column = text.split("\n")[line]!.indexOf("ö")
      assert.deepStrictEqual(yield* problemsOf(Buffer.from(text, "latin1")), [
        `${line + 1}:${column + 1} This is not UTF-8. a file saved as UTF-8`
      ])
    })
  )

  it.effect("is named where it is UTF-16, with a mark and without one", () =>
    Effect.gen(function* () {
      const utf16 = Buffer.from(minimal, "utf16le")
      const marked = Buffer.concat([Buffer.from([0xff, 0xfe]), utf16])
      assert.deepStrictEqual(yield* problemsOf(marked), ["1:1 The file is in UTF-16. a file saved as UTF-8"])
      assert.deepStrictEqual(yield* problemsOf(marked.swap16()), ["1:1 The file is in UTF-16. a file saved as UTF-8"])
      assert.deepStrictEqual(yield* problemsOf(utf16), [
        "1:2 The file has a byte 0, as files in UTF-16 do. a file saved as UTF-8"
      ])
    })
  )

  it.effect("is read where it is UTF-8 with a mark, Windows line endings and all of Unicode", () =>
    Effect.gen(function* () {
      const file = path.join(temporaryFolder(), "connections.yaml")
      const text = withKeys('mapping: { parameters: { size: { constant: "Größe 漢字 🎉 \ufffd" } } }')
      writeFileSync(file, `\ufeff${text.replaceAll("\n", "\r\n")}`)
      const { connections } = yield* loadConnectionsFile(file, { catalog, variables: {} })
      assert.include(JSON.stringify(connections[0]!.mapping.parameters), "Größe 漢字 🎉 \ufffd")
    })
  )
})
