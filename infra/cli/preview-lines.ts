/** `./capi prepare`: raw events, one JSON object a line, to what would be sent for each, one JSON object a line. */

import { problem } from "../../processors/normalizer/normalize/problem.ts"
import { maskPayload } from "../../processors/normalizer/preview/mask.ts"
import { type EventPreview, previewRead } from "../../processors/normalizer/preview/preview-event.ts"
import type { JsonEvent } from "../../processors/normalizer/read/read-record.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { rawRecordOf, readRaw } from "./raw-lines.ts"

interface PreviewOptions {
  /** A connection of the configuration, or `builtinConnection(kind)`. */
  readonly connection: Connection
  /** Milliseconds since the epoch, to check age limits; null checks none. */
  readonly now: number | null
  /** From when the times of the shipped sample file count, in milliseconds since the epoch. */
  readonly samplesAt: number
  /** Show the customer's values in clear, where the platform takes them so; hashes are shown always. */
  readonly reveal: boolean
}

/**
 * Prepares each line, in order, as it comes: nothing is held but the line in hand, and of a line over the limit its first
 * part only (Effect's `Stream.splitLines` holds a line of any length). Takes text in lines or in chunks of any size; gives one line for each, ended by a line feed. A blank line
 * is refused as `empty`, so that input and output stay in step; blank lines at the end are skipped.
 */
export async function* previewLines(input: AsyncIterable<string>, options: PreviewOptions): AsyncIterable<string> {
  const lines = new Lines(options)
  let rest = ""
  let tooLong = false
  for await (const chunk of input) {
    const parts = chunk.split("\n")
    const last = parts.pop() ?? ""
    let output = ""
    for (const part of parts) {
      output += lines.preview(tooLong ? rest : rest + part, tooLong)
      rest = ""
      tooLong = false
    }
    tooLong ||= rest.length + last.length > lineLengthMax
    if (!tooLong) rest += last
    if (output !== "") yield output
  }
  const output = lines.preview(rest, tooLong)
  if (output !== "") yield output
}

/** In UTF-16 units: the pipeline's own default limit on a record is one of bytes, so no record that it takes is longer. */
const lineLengthMax = 1024 * 1024

class Lines {
  private readonly options: PreviewOptions
  private blank = 0

  constructor(options: PreviewOptions) {
    this.options = options
  }

  preview(line: string, tooLong: boolean): string {
    if (!tooLong && line.trim() === "") {
      this.blank++
      return ""
    }
    let output = ""
    for (; this.blank > 0; this.blank--) output += this.lineOf(emptyLine)
    return output + this.lineOf(tooLong || line.length > lineLengthMax ? longLine : this.read(line))
  }

  private read(line: string): JsonEvent {
    return readRaw(rawRecordOf(line, this.options.samplesAt).value)
  }

  private lineOf(read: JsonEvent): string {
    const prepared: EventPreview = previewRead(read, this.options.connection, this.options.now)
    const shown =
      this.options.reveal || prepared.outcome !== "payload"
        ? prepared
        : { ...prepared, payload: maskPayload(prepared.payload) }
    return JSON.stringify(shown) + "\n"
  }
}

const emptyLine: JsonEvent = { _tag: "Problem", problem: problem("empty", "The line is blank.") }
const longLine: JsonEvent = {
  _tag: "Problem",
  problem: problem("record_too_large", `The line has more than ${lineLengthMax} characters.`)
}
