/**
 * A JVM that finds its classes parsed and checked in an archive (JDK's class data sharing) starts in less than half the CPU
 * time. The first JVM that ends in order leaves the archive beside its jars, later ones use it; a JVM that finds it
 * unfit (another JDK, other jars) goes on without it.
 */
import { existsSync, renameSync, rmSync } from "node:fs"
import type { State } from "./state.ts"

export interface ClassArchive {
  /** For the JVM's command line. */
  readonly options: ReadonlyArray<string>
  /** To be called when the JVM has ended: keeps what it left. */
  readonly keep: () => void
}

/** The archive in this file, or the making of it, which costs some seconds at the JVM's end and so is not done in tests. */
export const classArchive = (state: State, file: string): ClassArchive => {
  if (existsSync(file)) return { options: [`-XX:SharedArchiveFile=${file}`, "-Xshare:auto"], keep: () => undefined }
  if (state.ending === "kill") return { options: [], keep: () => undefined }
  const part = `${file}.${process.pid}.part`
  return {
    options: [`-XX:ArchiveClassesAtExit=${part}`],
    keep: () => {
      if (!existsSync(part)) return
      if (existsSync(file)) rmSync(part, { force: true })
      else renameSync(part, file)
    }
  }
}

/** Options of a JVM that compiles less: it starts sooner and serves at about two thirds of the speed. */
export const firstTierCompiler: ReadonlyArray<string> = ["-XX:TieredStopAtLevel=1"]
