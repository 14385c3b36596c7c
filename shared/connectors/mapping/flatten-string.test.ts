import { execFileSync } from "node:child_process"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import process from "node:process"
import { describe, expect, it } from "vitest"

/** Each text that was printed, with the type of its map, such as SEQ_ONE_BYTE_STRING_TYPE. */
const texts = (): ReadonlyArray<{ readonly text: string; readonly type: string }> => {
  const program = path.join(import.meta.dirname, "../../../tests/support/print-payload-texts.ts")
  // To a file: V8 prints past Node's streams, and drops what a full pipe does not take.
  const folder = mkdtempSync(path.join(os.tmpdir(), "payload-texts-"))
  const file = path.join(folder, "printed.txt")
  const output = openSync(file, "w")
  execFileSync(process.execPath, ["--allow-natives-syntax", program], { stdio: ["ignore", output, "inherit"] })
  closeSync(output)
  const printed = readFileSync(file, "utf8")
  rmSync(folder, { recursive: true })
  return [...printed.matchAll(/\[String\][^"#]*["#](.*?)"?\n(?:(?!DebugPrint).*\n)*? - type: (\w+)/g)].map(
    ([, text, type]) => ({
      text: text!,
      type: type!
    })
  )
}

describe("the texts of payloads", () => {
  it("are flat, so that JSON.stringify takes its fast path", () => {
    const all = texts()
    expect(all.length).toBeGreaterThan(100)
    // Put together of parts by us: a test of anything else would hold without `flattenString`.
    expect(all.some(({ text }) => /^fb\.1\.\d+\.IwAR/.test(text))).toBe(true)
    expect(all.some(({ text }) => /^2026-.*\.766Z$/.test(text))).toBe(true)
    expect(all.filter(({ type }) => /CONS|SLICED/.test(type))).toEqual([])
  })
})
