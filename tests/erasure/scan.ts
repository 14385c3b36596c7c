/** Looks for a person in every byte of a folder: the broker's log and indexes, logs of programs, state files. */
import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import type { Trace } from "./people.ts"

export interface Sighting {
  /** Relative to the folder. */
  readonly file: string
  readonly what: string
}

/** Files that vanish meanwhile hold nothing any more. */
export const scanFolder = (folder: string, traces: ReadonlyArray<Trace>): ReadonlyArray<Sighting> =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => {
      const file = path.join(entry.parentPath, entry.name)
      const bytes = read(file)
      return traces
        .filter((trace) => bytes.includes(trace.bytes))
        .map(({ what }) => ({ file: path.relative(folder, file), what }))
    })

const read = (file: string): Buffer => {
  try {
    return readFileSync(file)
  } catch {
    return Buffer.alloc(0)
  }
}

/** The topics of the sightings that are in the broker's log: `data/<topic>-<partition>/<segment>`. */
export const topicsOf = (sightings: ReadonlyArray<Sighting>): ReadonlySet<string> =>
  new Set(
    sightings.flatMap(({ file }) => {
      const folder = path.basename(path.dirname(file))
      const match = /^(.*)-\d+(?:\.[0-9a-f]+-delete)?$/.exec(folder)
      return match === null ? [] : [match[1]!]
    })
  )
