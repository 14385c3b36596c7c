/** The platform that takes everything (`sink.ts`), as a process beside a benchmark. */
import type { ChildProcess } from "node:child_process"
import process from "node:process"
import * as Effect from "effect/Effect"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { freePort } from "../../infra/local/ports.ts"

/** Once it answers. */
export const startSink = async (): Promise<{ readonly url: string; readonly sink: ChildProcess }> => {
  const port = await Effect.runPromise(freePort)
  const sink = spawnGuarded(process.execPath, ["tests/bench/sink.ts", String(port)], { stdio: "ignore" })
  const url = `http://127.0.0.1:${port}`
  while (
    !(await fetch(`${url}/reset`).then(
      () => true,
      () => false
    ))
  );
  return { url, sink }
}
