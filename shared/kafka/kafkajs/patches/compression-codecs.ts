/** Teaches kafkajs the compressions that it lacks: Zstandard by Node's zlib; LZ4 and Snappy for reading only. */
import { promisify } from "node:util"
import zlib from "node:zlib"
import { type Decompress, decompressLz4, decompressSnappy } from "../../wire/decompress.ts"
import kafkajs from "../kafkajs.ts"

// Node finds most names of this CommonJS module, but not this one.
const { CompressionCodecs, CompressionTypes } = kafkajs

export const registerCodecs = (): void => {
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: ({ buffer }: { readonly buffer: Buffer }) => promisify(zlib.zstdCompress)(buffer),
    decompress: (buffer: Buffer) => promisify(zlib.zstdDecompress)(buffer)
  })
  CompressionCodecs[CompressionTypes.LZ4] = () => readOnly("LZ4", decompressLz4)
  CompressionCodecs[CompressionTypes.Snappy] = () => readOnly("Snappy", decompressSnappy)
}

const readOnly = (name: string, decompress: Decompress) => ({
  compress: () => Promise.reject(new Error(`Records are not written with ${name}; choose none, gzip or zstd`)),
  decompress: (buffer: Buffer) => {
    const bytes = decompress(buffer)
    return bytes === null
      ? Promise.reject(new Error(`A batch compressed with ${name} is damaged`))
      : Promise.resolve(bytes)
  }
})
