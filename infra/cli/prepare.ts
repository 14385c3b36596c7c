/** `capi prepare`: raw events, one JSON object a line, to what would be sent for each, one JSON object a line. */
import type { Connection } from "../../shared/connections/connection.ts"
import { type Prepared, prepareRead } from "../../shared/mapping/prepare.ts"
import { readJson } from "../../shared/normalize/read-record.ts"

export interface PrepareOptions {
  /** A connection of the configuration, or `builtinConnection(kind)`. */
  readonly connection: Connection
  /** Milliseconds since the epoch, to check age limits; null checks none. */
  readonly now: number | null
}

/**
 * Prepares each line, in order, as it comes: nothing is held but the line in hand. Takes text in lines or in chunks of any
 * size; gives lines that end in a line feed. Empty lines are passed over.
 */
export async function* prepareLines(input: AsyncIterable<string>, options: PrepareOptions): AsyncIterable<string> {
  let rest = ""
  for await (const chunk of input) {
    const lines = (rest + chunk).split("\n")
    rest = lines.pop() ?? ""
    let output = ""
    for (const line of lines) output += prepareLine(line, options)
    if (output !== "") yield output
  }
  const last = prepareLine(rest, options)
  if (last !== "") yield last
}

const prepareLine = (line: string, { connection, now }: PrepareOptions): string => {
  if (line.trim() === "") return ""
  const prepared: Prepared = prepareRead(readJson(Buffer.from(line)), connection, now)
  return JSON.stringify(prepared) + "\n"
}
