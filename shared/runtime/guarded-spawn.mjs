/**
 * Children that never outlive the process that started them, also where that one is killed with SIGKILL and can end nothing.
 *
 * One small shell for each process that starts children, its guard, reads a pipe that this process alone holds open: a line
 * `+ target` for a child that started, `- target` for one that has ended. The kernel closes the pipe when this process
 * ends, however it ends; the guard then sends SIGTERM to the children that are left, and SIGKILL after a grace. It sleeps in
 * `read` until then and costs nothing. Plain JavaScript, for programs of any Node.
 */
import { spawn } from "node:child_process"

/** How long children may take to finish what is in flight once their parent is gone. */
const graceSeconds = 20
/** A shell that dies again and again is not there; the children's parent then still ends them in order. */
const guardStartsMax = 5

// A group (a negative target) is alive while one of its members is. A stopped process takes SIGTERM once it goes on.
const script = `
trap "" HUP INT TERM
left=" "
while read -r change target; do
  case $change in
    +) left="$left$target " ;;
    -) case $left in *" $target "*) left="\${left%% $target *} \${left#* $target }" ;; esac ;;
  esac
done
for target in $left; do kill -s TERM -- "$target"; kill -s CONT -- "$target"; done 2>/dev/null
waited=0
while [ $waited -lt ${graceSeconds} ]; do
  alive=
  for target in $left; do kill -s 0 -- "$target" && alive="$alive $target"; done 2>/dev/null
  left=$alive
  [ -n "$left" ] || exit 0
  sleep 1
  waited=$((waited + 1))
done
for target in $left; do kill -s KILL -- "$target"; done 2>/dev/null
`

const targets = new Set()
let guard = null
let guardStarts = 0

/** As `spawn` of node:child_process; the child ends with this process. A detached child ends with its whole group. */
export const spawnGuarded = (command, args, options) => {
  startGuard()
  const child = spawn(command, args, options)
  if (child.pid === undefined) return child
  const target = options?.detached === true ? -child.pid : child.pid
  targets.add(target)
  report("+", target)
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
  for (const target of targets) report("+", target)
}

const report = (change, target) => {
  if (guard?.stdin.writable) guard.stdin.write(`${change} ${target}\n`)
}
