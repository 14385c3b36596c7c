/**
 * Loaded into a program with `--import`: says which functions of this repository ran, by V8's precise coverage. For each file
 * `take-<n>` that appears in the folder it writes what ran since the take before as `<program>-<n>.json`.
 */
import { existsSync, renameSync, writeFileSync } from "node:fs"
import { Session } from "node:inspector/promises"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

/** Paths of files, from the repository's root, of which a function ran. */
export type Take = ReadonlyArray<string>

const root = fileURLToPath(new URL("../../", import.meta.url))
const folder = process.env["EVENT_FILES_FOLDER"]
const program = /processors\/(\w+)\/main\.ts$/.exec(process.argv[1] ?? "")?.[1]

const start = async (into: string, name: string): Promise<void> => {
  const session = new Session()
  session.connect()
  await session.post("Profiler.enable")
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false })
  let taken = 0
  let busy = false
  const look = async (): Promise<void> => {
    if (busy || !existsSync(path.join(into, `take-${taken}`))) return
    busy = true
    const { result } = await session.post("Profiler.takePreciseCoverage")
    const ran: Take = result.flatMap(({ url, functions }) => {
      const file = url.startsWith("file://") ? path.relative(root, fileURLToPath(url)) : ""
      // The first is the module itself: what stands outside of functions runs once, at the start.
      const hasRun = functions.some(({ ranges }, index) => index > 0 && ranges.some(({ count }) => count > 0))
      return /^(?:shared|processors)\//.test(file) && hasRun ? [file] : []
    })
    const target = path.join(into, `${name}-${taken++}.json`)
    writeFileSync(`${target}.new`, JSON.stringify(ran))
    renameSync(`${target}.new`, target)
    busy = false
  }
  setInterval(() => void look(), 50).unref()
}

if (folder !== undefined && program !== undefined) await start(folder, program)
