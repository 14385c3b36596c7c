/** Looks for planted texts in every layer of an image, those too that a later layer hides. */
import { createReadStream, readdirSync } from "node:fs"
import { open } from "node:fs/promises"
import path from "node:path"
import { createGunzip } from "node:zlib"
import * as Effect from "effect/Effect"
import { checkFailed, mustRun } from "./command.ts"
import { type Engine, temporaryFolder } from "./engine.ts"

/** The planted paths that the image holds, and how many bytes of it were read. */
export const findPlanted = Effect.fnUntraced(function* (engine: Engine, image: string, marker: string) {
  const folder = yield* temporaryFolder("layers")
  const archive = path.join(folder, "image.tar")
  yield* engine.must(["save", "--output", archive, image], { limit: "5 minutes" })
  yield* mustRun("tar", ["--extract", "--file", archive, "--directory", folder], { limit: "5 minutes" })
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "image.tar")
    .map((entry) => path.join(entry.parentPath, entry.name))
  return yield* Effect.tryPromise({
    try: async () => {
      const planted = new Set<string>()
      let bytes = 0
      for (const file of files) bytes += await scan(file, marker, planted)
      return { planted: [...planted].sort(), bytes }
    },
    catch: (cause) => checkFailed(`The image's layers cannot be read: ${String(cause)}`)
  })
}, Effect.scoped)

/** Bytes of the image as a registry stores and sends it: packed by gzip. */
export const compressedBytes = Effect.fnUntraced(function* (engine: Engine, image: string) {
  const archive = path.join(yield* temporaryFolder("size"), "image.tar")
  yield* engine.must(["save", "--output", archive, image], { limit: "5 minutes" })
  const { out } = yield* mustRun("sh", ["-c", 'gzip -c "$0" | wc -c', archive], { limit: "5 minutes" })
  return Number(out)
}, Effect.scoped)

/** Adds what follows each marker in the file, packed by gzip or not, to `planted`; gives the bytes that were read. */
export const scan = async (file: string, marker: string, planted: Set<string>): Promise<number> => {
  const stream = createReadStream(file)
  const content = (await isGzip(file)) ? stream.pipe(createGunzip()) : stream
  const longest = marker.length + 300
  let [rest, bytes] = ["", 0]
  for await (const chunk of content) {
    bytes += chunk.length
    const text = rest + chunk.toString("latin1")
    for (const [, name] of text.matchAll(new RegExp(`${marker}<([^<>]{1,200})>`, "g"))) planted.add(name!)
    rest = text.slice(-longest)
  }
  return bytes
}

const isGzip = async (file: string): Promise<boolean> => {
  const handle = await open(file)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
  await handle.close()
  return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
}
