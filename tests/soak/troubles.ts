/** What goes wrong in production for a while, each with its end. */
import * as Effect from "effect/Effect"
import { signal } from "../../infra/local/processes.ts"
import { programNames } from "../../infra/local/program-files.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import type { Fault, SandboxControl } from "../harness/sandbox-control.ts"
import type { Fleet } from "./fleet.ts"
import type { System } from "./system.ts"

export interface Trouble {
  readonly name: string
  readonly begin: Effect.Effect<void, unknown>
  readonly end: Effect.Effect<void, unknown>
  /** Over as soon as it could begin. */
  readonly short?: boolean
  /** A response may be lost before its commit: an event may be sent again. */
  readonly mayRepeat?: boolean
  /** Programs end in it, so their memory begins again. */
  readonly restarts?: boolean
}

const joining = ["normalizer", "mapper", "delivery-meta", "health"]

/** Those of one round; the number of the round chooses the program that is restarted. */
export const troublesOf = (system: System, fleet: Fleet, round: number): ReadonlyArray<Trouble> => {
  const { control, connect, broker, registry } = system
  const atPlatforms = (name: string, platforms: ReadonlyArray<string>, fault: Fault): Trouble => ({
    name: `${name} (${platforms.join(", ")})`,
    begin: control.add(platforms.map((platform) => ({ ...fault, platform, id: `${name}/${platform}` }))),
    end: Effect.forEach(platforms, (platform) => control.remove(`${name}/${platform}`), { discard: true })
  })
  const signalRegistry = (name: NodeJS.Signals) =>
    Effect.sync(() => {
      const pid = registry.pid()
      if (pid !== null) signal(pid, name)
    })
  const restarted = programNames.filter((_, index) => index % restartRounds === round % restartRounds)
  return [
    atPlatforms("tokens expire", ["tiktok", "google", "snapchat"], { kind: "expired_token" }),
    atPlatforms("503", ["tiktok", "pinterest"], { kind: "server_error", status: 503 }),
    {
      // Whoever sees that a platform is dead disables its connection.
      name: "the file of connections changes, while TikTok is dead",
      begin: control
        .add([{ kind: "server_error", platform: "tiktok", status: 503, id: dead }])
        .pipe(
          Effect.andThen(until("TikTok's circuit opens", failuresReached(control), 120_000, 500)),
          Effect.andThen(Effect.sync(() => connect({ added: true, paused: true })))
        ),
      end: Effect.andThen(
        control.remove(dead),
        Effect.sync(() => connect({ added: false, paused: false }))
      )
    },
    atPlatforms("429", ["meta", "snapchat", "whatsapp"], { kind: "throttle", retry_after_s: 5 }),
    {
      name: "second instances come and go",
      begin: Effect.forEach(joining, (name) => fleet.start(name, `${name}-2`), { concurrency: 2, discard: true }),
      end: Effect.forEach(joining, (name) => fleet.stop(`${name}-2`), { discard: true })
    },
    atPlatforms("no answer", ["google", "pinterest"], { kind: "hang" }),
    {
      name: "Meta's token is replaced",
      begin: Effect.sync(() => system.expireMetaToken(`renewed-${round + 1}`)),
      end: Effect.sync(() => system.renewMetaToken())
    },
    { name: "the registry is silent", begin: signalRegistry("SIGSTOP"), end: signalRegistry("SIGCONT") },
    { name: "the broker restarts", begin: broker.stop, end: broker.start, short: true, mayRepeat: true },
    {
      name: `restart of ${restarted.join(", ")}`,
      begin: Effect.forEach(restarted, fleet.stop, { concurrency: "unbounded", discard: true }),
      end: Effect.forEach(restarted, (name) => fleet.start(name), { concurrency: 2, discard: true }),
      short: true,
      restarts: true
    }
  ]
}

const restartRounds = 3
const dead = "dead/tiktok"

/** As many as open a circuit. */
const failuresReached =
  ({ active }: SandboxControl) =>
  () =>
    Effect.map(active, (faults) => (faults.find(({ id }) => id === dead)?.applied ?? 0) >= 5)
