/** `./capi prepare`: what would be sent for raw events; needs neither a broker nor a configuration. */

import { createReadStream } from "node:fs"
import process from "node:process"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { environment, loadFileSettings } from "../../../shared/config/settings.ts"
import { builtinConnection, loadConnections } from "../../../shared/connectors/load-connections.ts"
import { connectorKinds } from "../../../shared/model/platform.ts"
import { Argument, Command, CommandError, Flag } from "../cli.ts"
import { exampleConnection, exampleKind } from "../example-names.ts"
import { Output } from "../output.ts"
import { previewLines } from "../preview-lines.ts"
import { chooseConnections } from "./connect.ts"

const file = Argument.String("file").pipe(
  Argument.withDescription("Raw events, one JSON object a line, or the shipped sample file; - for standard input")
)
const platform = Flag.Literals("platform", connectorKinds).pipe(Flag.withDescription("The kind of connector"))
const connection = Flag.String("connection").pipe(
  Flag.withDescription("A connection of the file; else a built-in one: neutral account, consent granted, no age limit"),
  Flag.optional
)

const reveal = Flag.Boolean("reveal").pipe(
  Flag.withDescription(
    "Show the element as it would be sent: with the customer's values that no platform takes hashed"
  ),
  Flag.withDefault(false)
)

export const prepare = Command.make("prepare", { file, platform, connection, reveal }, (given) =>
  Effect.gen(function* () {
    const { file, platform, connection, reveal } = given
    const output = yield* Output
    const samplesAt = yield* Clock.currentTimeMillis
    const chosen = yield* connectionOf(platform, connection)
    yield* Stream.fromAsyncIterable(
      previewLines(chunksOf(file), { connection: chosen, now: null, samplesAt, reveal }),
      (cause) => unreadable(file, cause)
    ).pipe(Stream.runForEach(output.write))
  })
).pipe(
  Command.withDescription("Print for each raw event, in order, the element of the request body that it becomes"),
  Command.withExamples([
    { command: `./capi prepare events.jsonl --platform ${exampleKind}`, description: "With the built-in connection" },
    {
      command: `./capi prepare - --platform ${exampleKind} --connection ${exampleConnection}`,
      description: "With one of the file"
    }
  ])
)

const connectionOf = Effect.fnUntraced(function* (kind: (typeof connectorKinds)[number], id: Option.Option<string>) {
  if (Option.isNone(id)) return builtinConnection(kind)
  const settings = yield* loadFileSettings
  const loaded = yield* loadConnections(settings.connectionsFile, environment())
  const [chosen] = yield* chooseConnections(loaded.connections, [id.value])
  if (chosen!.kind === kind) return chosen!
  return yield* new CommandError({
    code: "other_platform",
    message: `The connection ${id.value} is one of ${chosen!.kind}, not of ${kind}.`,
    nextStep: `Use --platform ${chosen!.kind}.`,
    exitCode: 2
  })
})

/** The text of a file or of standard input, in chunks. */
export const chunksOf = (file: string): AsyncIterable<string> =>
  file === "-"
    ? process.stdin.setEncoding("utf8")
    : createReadStream(file, { encoding: "utf8", highWaterMark: 256 * 1024 })

export const unreadable = (file: string, cause: unknown) => {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "unknown error"
  return new CommandError({
    code: "unreadable",
    message: `${file} ${code === "ENOENT" ? "does not exist" : `cannot be read (${code})`}.`,
    nextStep: "Name a file of JSON lines, or - for standard input.",
    cause,
    exitCode: 2
  })
}
