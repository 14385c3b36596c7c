/** Test support: a sandbox on free ports, raw fetch against it, and good events to spoil. */
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Json, JsonObject } from "./platform.ts"
import type { SandboxPlatform } from "./registry.ts"
import { type PartialSandboxOptions, type Sandbox, startSandbox } from "./sandbox.ts"

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: JsonObject
}

export interface Client {
  readonly post: (
    platform: SandboxPlatform,
    path: string,
    body: Json | string,
    headers?: Record<string, string>
  ) => Promise<Reply>
  readonly get: (platform: SandboxPlatform, path: string, headers?: Record<string, string>) => Promise<Reply>
  readonly control: (method: "GET" | "POST" | "DELETE", path: string, body?: Json) => Promise<JsonObject>
  readonly sandbox: Sandbox
}

/** Its time does not move: what a sandbox allows in a while does not depend on how long the requests take. Sleeping takes its real time. */
export const fixedClock = Effect.map(Clock.Clock, (clock): Clock.Clock => {
  const millis = clock.currentTimeMillisUnsafe()
  const fixed = { currentTimeMillisUnsafe: () => millis, currentTimeMillis: Effect.succeed(millis) }
  return Object.assign(Object.create(clock) as Clock.Clock, fixed)
})

/** A test with a new sandbox whose time moves by the control interface alone. */
export const withSandbox = (
  name: string,
  run: (client: Client) => Promise<void>,
  options: PartialSandboxOptions = {}
) =>
  it.live(name, () =>
    Effect.gen(function* () {
      const sandbox = yield* Effect.provideServiceEffect(startSandbox(options), Clock.Clock, fixedClock)
      yield* Effect.promise(() => run(clientOf(sandbox)))
    }).pipe(Effect.scoped)
  )

const clientOf = (sandbox: Sandbox): Client => ({
  sandbox,
  post: (platform, path, body, headers = {}) =>
    exchange(sandbox.urls[platform] + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body)
    }),
  get: (platform, path, headers = {}) => exchange(sandbox.urls[platform] + path, { headers }),
  control: async (method, path, body) => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
    return (await exchange(`${sandbox.controlUrl}/_sandbox/${path}`, init)).body
  }
})

const exchange = async (url: string, init: RequestInit): Promise<Reply> => {
  const response = await fetch(url, init)
  const text = await response.text()
  const isJson = response.headers.get("content-type")?.includes("application/json") === true
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : {} }
}

/** The value at a path such as `error.code` or `error.details.2.fieldViolations.0.field`. */
export const at = (body: JsonObject, path: string): Json | undefined =>
  path.split(".").reduce<Json | undefined>((value, key) => (value as JsonObject | undefined)?.[key], body)

export const assertAt = (body: JsonObject, path: string, expected: Json | undefined) =>
  assert.deepStrictEqual(at(body, path), expected, `${path} in ${JSON.stringify(body)}`)

/** A copy with the value at the path replaced; undefined removes it. */
export const changed = (object: JsonObject, path: string, value: Json | undefined): JsonObject => {
  const copy = structuredClone(object) as Record<string, Json>
  const keys = path.split(".")
  const last = keys.pop() ?? ""
  const holder = keys.reduce<Record<string, Json>>((one, key) => one[key] as Record<string, Json>, copy)
  if (value === undefined) delete holder[last]
  else holder[last] = value
  return copy
}

/** SHA-256 of john_smith@gmail.com, as Meta's page prints it. */
export const hashedEmail = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"

export const secondsAgo = (seconds: number): number => Math.floor(Date.now() / 1000) - seconds
