/** Starts one broker and one registry for all tests of the project `kafka`, in a folder that is removed at the end. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { TestProject } from "vitest/node"
import { localBroker } from "../../infra/local/broker.ts"
import { localRegistry } from "../../infra/local/registry.ts"

declare module "vitest" {
  export interface ProvidedContext {
    /** `host:port`, several joined by commas. */
    readonly brokers: string
    /** Root of the Confluent API of the schema registry. */
    readonly registryUrl: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stateDirectory = mkdtempSync(path.join(tmpdir(), "capi-test-"))
  const scope = Scope.makeUnsafe()
  const tearDown = async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    rmSync(stateDirectory, { recursive: true, force: true })
  }
  const options = {
    stateDirectory,
    ending: "kill",
    fastStart: true,
    onProgress: (line: string) => void process.stderr.write(`${line}\n`)
  } as const
  const started = await Effect.runPromiseExit(
    Effect.all([localBroker(options), localRegistry(options)], { concurrency: 2 }).pipe(Scope.provide(scope))
  )
  if (Exit.isFailure(started)) {
    await tearDown()
    throw new Error(`The tests' Kafka does not start. ${String(started.cause)}`)
  }
  const [broker, registry] = started.value
  project.provide("brokers", broker.brokers)
  project.provide("registryUrl", registry.url)
  return tearDown
}
