/**
 * Children that never outlive the process that started them, also where that one is killed with SIGKILL and can end nothing.
 *
 * One small shell for each process that starts children, its guard, reads a pipe that this process alone holds open: a line
 * `+ target` for a child that started, `* target` for one that the others need (a broker), `- target` for one that has ended.
 * The kernel closes the pipe when this process ends, however it ends; the guard then sends SIGTERM to the children that are
 * left, and SIGKILL after a grace: first to those that need others, so that they can finish and commit. It sleeps in `read`
 * until then and costs nothing. Plain JavaScript, since capi.mjs needs it on a Node that does not run TypeScript.
 */
import { spawn } from "node:child_process"

/**
 * How long children may take to finish what is in flight once their parent is gone; as long again for what they need. Short: a
 * request that is under way is answered by then, and what is not committed is read again.
 */
const graceSeconds = 5
/** A shell that dies again and again is not there; the children's parent then still ends them in order. */
const guardStartsMax = 5

// A group (a negative target) is alive while one of its members is. A stopped process takes SIGTERM once it goes on.
const script = `
trap "" HUP INT TERM
first=" "
last=" "
without() { case $1 in *" $2 "*) printf %s "\${1%% $2 *} \${1#* $2 }" ;; *) printf %s "$1" ;; esac; }
end() {
  left=$1
  for target in $left; do kill -s TERM -- "$target"; kill -s CONT -- "$target"; done 2>/dev/null
  waited=0
  while [ $waited -lt ${graceSeconds} ]; do
    alive=
    for target in $left; do kill -s 0 -- "$target" && alive="$alive $target"; done 2>/dev/null
    left=$alive
    [ -n "$left" ] || return
    sleep 1
    waited=$((waited + 1))
  done
  for target in $left; do kill -s KILL -- "$target"; done 2>/dev/null
}
while read -r change target; do
  case $change in
    +) first="$first$target " ;;
    "*") last="$last$target " ;;
    -) first=$(without "$first" "$target"); last=$(without "$last" "$target") ;;
  esac
done
end "$first"
end "$last"
`

/** Target → how it was reported. */
const targets = new Map()
let guard = null
let guardStarts = 0

/** As `spawn` of node:child_process; the child ends with this process. A detached child ends with its whole group. */
export const spawnGuarded = (command, args, options) => spawnAs("+", command, args, options)

/** As `spawnGuarded`, for a child that the other children need: where this process is killed, it ends after them. */
export const spawnNeeded = (command, args, options) => spawnAs("*", command, args, options)

const spawnAs = (change, command, args, options) => {
  startGuard()
  const child = spawn(command, args, options)
  if (child.pid === undefined) return child
  const target = options?.detached === true ? -child.pid : child.pid
  targets.set(target, change)
  report(change, target)
  child.once("exit", () => {
    targets.delete(target)
    report("-", target)
  })
  return child
}

// In a separate session: Ctrl-C and a signal to our group do not reach it.
const startGuard = () => {
  if (guard !== null || guardStarts >= guardStartsMax) return
  guardStarts++
  const shell = spawn("sh", ["-c", script, "child-guard"], { stdio: ["pipe", "ignore", "ignore"], detached: true })
  guard = shell
  shell.once("error", () => {
    guardStarts = guardStartsMax
    guard = null
  })
  shell.once("exit", () => {
    guard = null
    if (targets.size > 0) startGuard()
  })
  shell.stdin.on("error", () => undefined)
  shell.unref()
  shell.stdin.unref?.()
  for (const [target, change] of targets) report(change, target)
}

const report = (change, target) => {
  if (guard?.stdin.writable) guard.stdin.write(`${change} ${target}\n`)
}
