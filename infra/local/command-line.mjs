import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"

/** The command line of a process, its arguments joined by spaces; empty where there is no such process. */
export const commandLine = (pid) => {
  const file = `/proc/${pid}/cmdline`
  if (existsSync("/proc/self/cmdline")) {
    try {
      return readFileSync(file, "utf8").replaceAll("\0", " ").trim()
    } catch {
      return ""
    }
  }
  const { stdout } = spawnSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], { encoding: "utf8" })
  return (stdout ?? "").trim()
}
