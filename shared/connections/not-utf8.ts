/** Files that another program wrote in another encoding, such as Windows PowerShell, whose `>` writes UTF-16. */
import { isUtf8 } from "node:buffer"
import type { Problem } from "./yaml-tree.ts"

/** What is wrong with the bytes of a file that should be UTF-8, and where; null where they are. */
export const notUtf8 = (bytes: Buffer): Problem | null => {
  const nul = bytes.indexOf(0)
  const lines = bytes
    .subarray(0, nul < 0 ? bytes.length : nul)
    .toString("latin1")
    .split("\n")
  const hasMark = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
  if (hasMark || nul >= 0) {
    const what = hasMark ? "The file is in UTF-16." : "The file has a byte 0, as files in UTF-16 do."
    return problemAt(hasMark ? 1 : lines.length, hasMark ? 1 : lines.at(-1)!.length + 1, what)
  }
  if (isUtf8(bytes)) return null
  // A line break is a byte that no other character contains.
  const line = lines.findIndex((text) => !isUtf8(Buffer.from(text, "latin1")))
  const column = Buffer.from(lines[line]!, "latin1").toString("utf8").indexOf("\ufffd") + 1
  return problemAt(line + 1, column, "This is not UTF-8.")
}

const problemAt = (line: number, column: number, message: string): Problem => ({
  severity: "error",
  line,
  column,
  path: "",
  message,
  allowed: "a file saved as UTF-8"
})
