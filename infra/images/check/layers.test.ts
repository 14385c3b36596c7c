import { writeFileSync } from "node:fs"
import path from "node:path"
import { gzipSync } from "node:zlib"
import { assert, it } from "@effect/vitest"
import { temporaryFolder } from "../../../tests/harness/temporary-folder.ts"
import { plantedText } from "./context.ts"
import { scan } from "./layers.ts"

it("finds what was planted in a layer, packed or not, wherever the reader's chunks end", async () => {
  const folder = temporaryFolder()
  const planted = new Set<string>()
  const marker = "planted-abc"
  // A stream reads 64 KiB at a time: one marker lies across the end of the first chunk, byte by byte.
  for (let offset = 0; offset < plantedText(marker, "x-00").length; offset++) {
    const name = `x-${String(offset).padStart(2, "0")}`
    const content = Buffer.concat([
      Buffer.alloc(65_536 - offset),
      Buffer.from(plantedText(marker, name)),
      Buffer.alloc(70_000)
    ])
    const file = path.join(folder, name)
    writeFileSync(file, offset % 2 === 0 ? content : gzipSync(content))
    assert.strictEqual(await scan(file, marker, planted), content.length)
    assert.isTrue(planted.has(name), name)
  }
  writeFileSync(path.join(folder, "clean"), Buffer.alloc(200_000))
  const none = new Set<string>()
  await scan(path.join(folder, "clean"), marker, none)
  assert.strictEqual(none.size, 0)
})
