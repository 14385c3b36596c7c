import { promisify } from "node:util"
import { brotliDecompress, constants, gunzip, inflate } from "node:zlib"
import * as Effect from "effect/Effect"
import { type HttpFailure, httpFailure } from "./http-failure.ts"

/**
 * The text of a body, at most `bytesMax` bytes before and after decompression (a small body may be a bomb). Bytes that
 * are no UTF-8 become replacement characters. A compressed body that was cut gives what could be read of it.
 */
export const decodeBody = (
  bytes: Buffer,
  encoding: string | undefined,
  bytesMax: number,
  host: string
): Effect.Effect<string, HttpFailure> => {
  const decompress = decompressors[encoding?.trim().toLowerCase() ?? "identity"]
  if (bytes.length === 0 || decompress === undefined) return Effect.succeed(bytes.toString("utf8"))
  return Effect.tryPromise({
    try: () => decompress(bytes, bytesMax),
    catch: (error) => httpFailure(isTooLarge(error) ? "body_too_large" : "invalid_encoding", host)
  }).pipe(Effect.map((plain) => plain.toString("utf8")))
}

type Decompress = (bytes: Buffer, bytesMax: number) => Promise<Buffer>

const gunzipAsync = promisify(gunzip)
const inflateAsync = promisify(inflate)
const brotliAsync = promisify<Buffer, object, Buffer>(brotliDecompress)

const zlibOptions = (maxOutputLength: number) => ({ maxOutputLength, finishFlush: constants.Z_SYNC_FLUSH })
const unzip: Decompress = (bytes, bytesMax) => gunzipAsync(bytes, zlibOptions(bytesMax))

const decompressors: Record<string, Decompress | undefined> = {
  gzip: unzip,
  "x-gzip": unzip,
  deflate: (bytes, bytesMax) => inflateAsync(bytes, zlibOptions(bytesMax)),
  br: (bytes, bytesMax) => brotliAsync(bytes, { maxOutputLength: bytesMax })
}

const isTooLarge = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE"
