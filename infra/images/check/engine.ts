/** A Docker engine to build with: this machine's, or one that is started here and leaves nothing behind. */
import { accessSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import process from "node:process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { endProcess, launch, logTail } from "../../local/processes.ts"
import {
  type CannotCheck,
  type CheckFailed,
  cannotCheck,
  lastLines,
  mustRun,
  type Ran,
  type RunOptions,
  run
} from "./command.ts"

export interface Engine {
  /** Runs `docker` on it. */
  readonly docker: (args: ReadonlyArray<string>, options?: RunOptions) => Effect.Effect<Ran, CheckFailed>
  /** The same; another exit code than 0 is a failure. */
  readonly must: (args: ReadonlyArray<string>, options?: RunOptions) => Effect.Effect<Ran, CheckFailed>
  /** Started here: images with the names of real ones may be put into it. */
  readonly isOwn: boolean
  /** For another program that uses the engine: its address, and a folder of Docker's plugins. */
  readonly environment: Readonly<Record<string, string>>
}

/** This machine's engine; null where none answers. */
export const existingEngine: Effect.Effect<Engine | null, CannotCheck | CheckFailed> = Effect.gen(function* () {
  const client = yield* findClient
  if (client === null) return null
  const engine = engineAt(client, {}, false)
  const answer = yield* run(client, ["info"], { limit: "10 seconds" }).pipe(
    Effect.orElseSucceed(() => ({ code: 1, out: "", err: "" }))
  )
  return answer.code === 0 ? engine : null
})

/**
 * Starts an engine with its socket, data and pid file in a temporary folder. It makes no firewall rule beside that of
 * `letContainersMeet`, so that its containers reach one another and the ports that they publish, and nothing else; the network
 * interfaces that it makes are removed at the end.
 */
export const startEngine: Effect.Effect<Engine, CannotCheck | CheckFailed, Scope.Scope> = Effect.gen(function* () {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    return yield* cannotCheck(
      "No Docker engine here can build the image, and only root on Linux can start another one.",
      "Start Docker with access to its registry, or run this as root."
    )
  const daemon = onPath("dockerd")
  const client = yield* findClient
  if (daemon === null || client === null)
    return yield* cannotCheck(
      "No Docker engine here can build the image, and there is no dockerd (with a client that has BuildKit) to start one.",
      "Install it (Debian: apt-get install docker.io), or start Docker with access to its registry."
    )
  const cgroups = dockerCgroups()
  const interfaces = networkInterfaces()
  const folder = yield* temporaryFolder("engine")
  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      Effect.sync(() => removeCgroups(cgroups)),
      removeInterfaces(interfaces)
    )
  )
  const file = (name: string) => path.join(folder, name)
  const host = `unix://${file("docker.sock")}`
  const args = [
    ...["--host", host, "--data-root", file("data"), "--exec-root", file("exec"), "--pidfile", file("dockerd.pid")],
    ...["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
  ]
  const daemonProcess = yield* Effect.acquireRelease(
    Effect.sync(() =>
      launch({ command: daemon, arguments: args, logFile: file("dockerd.log"), pidFile: file("launched.json") })
    ),
    ({ pid }) => endProcess(pid, Duration.seconds(30))
  )
  const engine = engineAt(client, { DOCKER_HOST: host }, true)
  for (let tries = 0; ; tries++) {
    const answer = yield* run(client, ["info"], { environment: { DOCKER_HOST: host }, limit: "10 seconds" })
    if (answer.code === 0) {
      yield* letContainersMeet
      return engine
    }
    if (daemonProcess.hasEnded() || tries > 120)
      return yield* cannotCheck(
        `The Docker engine that was started here does not come up: ${logTail(file("dockerd.log"), 3)}`,
        "A container without privileges can't run one: start this on the machine itself."
      )
    yield* Effect.sleep("500 millis")
  }
})

const bridgesAreFiltered = "/proc/sys/net/bridge/bridge-nf-call-iptables"

/**
 * A machine whose firewall filters bridges may drop what containers of one network send each other: an engine that ran here before
 * leaves such a policy behind. What stays on a bridge is let pass until the scope closes.
 */
const letContainersMeet: Effect.Effect<void, CheckFailed, Scope.Scope> = Effect.gen(function* () {
  const iptables = onPath("iptables")
  if (iptables === null || !existsSync(bridgesAreFiltered)) return
  if (readFileSync(bridgesAreFiltered, "utf8").trim() !== "1") return
  const comment = `capi-relay check ${process.pid}`
  const rule = ["-m", "physdev", "--physdev-is-bridged", "-m", "comment", "--comment", comment, "-j", "ACCEPT"]
  const { code, err } = yield* Effect.acquireRelease(
    run(iptables, ["--wait", "--insert", "FORWARD", ...rule]),
    ({ code }) => (code === 0 ? Effect.ignore(run(iptables, ["--wait", "--delete", "FORWARD", ...rule])) : Effect.void)
  )
  // Most firewalls pass it anyway.
  if (code !== 0) process.stdout.write(`No firewall rule lets containers reach one another: ${lastLines(err, 1)}\n`)
})

/** A folder that is removed when the scope closes. */
export const temporaryFolder = (name: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(path.join(os.tmpdir(), `capi-image-${name}-`))),
    (folder) =>
      Effect.gen(function* () {
        for (const place of mountsBelow(folder).toReversed()) yield* Effect.ignore(run("umount", ["--lazy", place]))
        // What is still mounted is not ours to remove: it may be the kernel's own /proc and /sys.
        if (mountsBelow(folder).length === 0)
          rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 })
      })
  )

const engineAt = (client: string, address: Readonly<Record<string, string>>, isOwn: boolean): Engine => {
  const environment = { DOCKER_BUILDKIT: "1", ...address }
  const withEngine = (options: RunOptions = {}): RunOptions => ({
    ...options,
    environment: { ...environment, ...options.environment }
  })
  return {
    environment,
    docker: (args, options) => run(client, args, withEngine(options)),
    must: (args, options) => mustRun(client, args, withEngine(options)),
    isOwn
  }
}

/** The first client of the PATH that has BuildKit: by its plugin buildx, or, before version 23, within itself. */
const findClient: Effect.Effect<string | null, CheckFailed> = Effect.gen(function* () {
  for (const client of allOnPath("docker")) {
    if ((yield* run(client, ["buildx", "version"])).code === 0) return client
    const version = /version (\d+)\./.exec((yield* run(client, ["--version"])).out)
    if (version !== null && Number(version[1]) < 23) return client
  }
  return null
})

const allOnPath = (command: string): ReadonlyArray<string> =>
  [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/sbin", "/sbin"]
    .map((folder) => path.join(folder, command))
    .filter((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

/** The command's file, also where administrators' commands are; null if it is not installed. */
export const onPath = (command: string): string | null => allOnPath(command)[0] ?? null

/** What an engine or debootstrap has left mounted in a folder, outermost first. */
const mountsBelow = (folder: string): ReadonlyArray<string> =>
  existsSync("/proc/mounts")
    ? readFileSync("/proc/mounts", "utf8")
        .split("\n")
        .map((line) => line.split(" ")[1] ?? "")
        .filter((place) => place.startsWith(`${folder}/`))
    : []

const cgroupRoot = "/sys/fs/cgroup"
const dockerCgroups = (): ReadonlyArray<string> =>
  existsSync(cgroupRoot)
    ? [cgroupRoot, ...readdirSync(cgroupRoot).map((name) => path.join(cgroupRoot, name))]
        .map((folder) => path.join(folder, "docker"))
        .filter((folder) => existsSync(folder))
    : []

const removeCgroups = (earlier: ReadonlyArray<string>): void => {
  for (const folder of dockerCgroups().filter((one) => !earlier.includes(one))) removeCgroup(folder)
}

// The kernel's files in it go with the folder, which has to have no other folder in it.
const removeCgroup = (folder: string): void => {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory()) removeCgroup(path.join(folder, entry.name))
    rmdirSync(folder)
  } catch {
    // Another engine uses it now.
  }
}

const interfacesFolder = "/sys/class/net"
const networkInterfaces = (): ReadonlyArray<string> =>
  existsSync(interfacesFolder) ? readdirSync(interfacesFolder) : []

/** An engine that has ended leaves the bridges of its networks. */
const removeInterfaces = (earlier: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.suspend(() =>
    Effect.forEach(
      networkInterfaces().filter((name) => /^(docker0|br-[0-9a-f]{12}|veth.*)$/.test(name) && !earlier.includes(name)),
      (name) => Effect.ignore(run("ip", ["link", "delete", name])),
      { discard: true }
    )
  )
