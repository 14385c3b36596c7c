/** Reads a secret from standard input, or asks for it without showing what is typed. */
import process from "node:process"
import * as Prompt from "effect/cli/Prompt"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { CommandError } from "./command-error.ts"
import type { Output } from "./output.ts"

const secretBytesMax = 64 * 1024

export const readSecretInput = Effect.fnUntraced(function* (output: Output["Service"], question: string) {
  const value = output.interactive
    ? yield* Prompt.run(Prompt.Password({ message: question }))
    : yield* readStandardInput
  if (Redacted.value(value).trim() === "")
    return yield* new CommandError({
      code: "no_value",
      message: "There is no value on standard input.",
      nextStep: "Pipe it in, such as: ./capi credentials set name < file",
      exitCode: 2
    })
  return value
})

const readStandardInput: Effect.Effect<Redacted.Redacted, CommandError> = Effect.tryPromise({
  try: async () => {
    const chunks: Array<Buffer> = []
    let bytes = 0
    for await (const chunk of process.stdin) {
      bytes += chunk.length
      if (bytes > secretBytesMax) return Promise.reject(new Error("too long"))
      chunks.push(Buffer.from(chunk))
    }
    return Redacted.make(Buffer.concat(chunks).toString("utf8"))
  },
  catch: (cause) =>
    new CommandError({
      code: "unreadable",
      message: "Standard input could not be read.",
      nextStep: `Give at most ${secretBytesMax} bytes.`,
      cause
    })
})
