/** A real Alertmanager (Debian: `apt-get install prometheus-alertmanager`), for tests of what is sent to it. */
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { freePort } from "../../infra/local/ports.ts"
import { endProcess, launch } from "../../infra/local/processes.ts"
import { waitUntil } from "./wait-until.ts"

const commands = ["prometheus-alertmanager", "alertmanager"]

/** Its command; null where it is not installed. */
export const alertmanagerCommand = (): string | null =>
  commands.find((command) => spawnSync(command, ["--version"]).status === 0) ?? null

export interface Alertmanager {
  readonly url: string
  /** The alerts that are firing now. */
  readonly firing: Effect.Effect<ReadonlyArray<FiringAlert>>
}

interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
}

/** Ends with the scope. Its own notifications go to `webhookUrl`, with those of resolved alerts. */
export const startAlertmanager = (
  command: string,
  folder: string,
  webhookUrl: string
): Effect.Effect<Alertmanager, never, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const url = `http://127.0.0.1:${port}`
    const config = path.join(folder, "alertmanager.yml")
    mkdirSync(folder, { recursive: true })
    writeFileSync(
      config,
      `route: { receiver: test, group_wait: 0s, group_interval: 1s, repeat_interval: 1h, group_by: [alertname, connection] }
receivers:
  - name: test
    webhook_configs: [{ url: "${webhookUrl}", send_resolved: true }]
`
    )
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        launch({
          command,
          arguments: [
            `--config.file=${config}`,
            `--storage.path=${path.join(folder, "alertmanager")}`,
            `--web.listen-address=127.0.0.1:${port}`,
            "--cluster.listen-address="
          ],
          logFile: path.join(folder, "alertmanager.log"),
          pidFile: path.join(folder, "alertmanager.pid")
        })
      ),
      ({ pid }) => endProcess(pid, Duration.seconds(5))
    )
    yield* Effect.promise(() =>
      waitUntil("Alertmanager is ready", async () => (await fetch(`${url}/-/ready`)).ok, 30_000)
    )
    const firing = Effect.promise(
      async () => (await (await fetch(`${url}/api/v2/alerts?active=true`)).json()) as ReadonlyArray<FiringAlert>
    )
    return { url, firing }
  })
