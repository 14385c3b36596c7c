/**
 * Ends this process in order (SIGTERM to itself) when the tool in front of it is gone: npm, npx and make start a program
 * through a shell and pass no SIGKILL on, nor npm every SIGTERM, so that the program would stay behind without a terminal.
 * A program that was started by anything else (a shell, nohup, systemd, a container) lives as long as it did before.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import process from "node:process"

/** How soon it is noticed. A look costs two system calls. */
const lookEveryMillis = 500

const launchers = /(?:^|\/)(?:npm|npx|make|gmake|yarn|pnpm|pnpx)(?:-cli)?(?:\.c?js)?(?:\s|$)/
const shellWithCommand = /^(?:\S*\/)?(?:sh|bash|dash|ash|zsh|ksh)\s+(?:-\S+\s+)*-\S*c(?:\s|$)/

let watching = false

/** To be called once at the start of a program; further calls do nothing. */
export const endWithLauncher = () => {
  if (watching) return
  watching = true
  const parent = process.ppid
  const front = launchersAbove(parent)
  if (front.length === 0) return
  const look = setInterval(() => {
    if (process.ppid === parent && front.every(isAlive)) return
    clearInterval(look)
    process.kill(process.pid, "SIGTERM")
  }, lookEveryMillis)
  look.unref()
}

/** The tools above a process, nearest first, with the shells between them; none where something else started it. */
const launchersAbove = (parent) => {
  const found = []
  let shells = []
  for (let pid = parent; pid > 0; ) {
    const { command, parent: next } = describeProcess(pid)
    if (isLauncher(command)) {
      found.push(...shells, pid)
      shells = []
    } else if (shellWithCommand.test(command)) shells.push(pid)
    else break
    pid = next
  }
  return found
}

// npm sets its title, such as `npm exec …`; `node /usr/bin/npx …` before it has; `make run`.
const isLauncher = (command) => {
  const [first = "", second = ""] = command.split(" ")
  return launchers.test(`${first} `) || (/(?:^|\/)node$/.test(first) && launchers.test(`${second} `))
}

const describeProcess = (pid) => {
  try {
    if (existsSync("/proc/self/stat")) {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim()
      return { command, parent: Number(statFields(pid)[1]) }
    }
    const { stdout } = spawnSync("ps", ["-ww", "-o", "ppid=,command=", "-p", String(pid)], { encoding: "utf8" })
    const [, parent = "0", command = ""] = /^\s*(\d+)\s+(.*)$/m.exec(stdout ?? "") ?? []
    return { command, parent: Number(parent) }
  } catch {
    return { command: "", parent: 0 }
  }
}

// A killed process that nothing has waited for still has its pid.
const isAlive = (pid) => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error.code === "EPERM"
  }
  try {
    return statFields(pid)[0] !== "Z"
  } catch {
    return true
  }
}

/** The fields of /proc/<pid>/stat after the command's name: state, parent, … */
const statFields = (pid) =>
  readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ")
