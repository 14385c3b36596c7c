/**
 * Vault's key-value engine, version 2, as its API documentation describes it: tokens with policies on paths, versions,
 * deletion, a sealed server.
 */
import http from "node:http"
import * as Effect from "effect/Effect"
import { listenLocally } from "./local-server.ts"

interface Version {
  readonly data: Readonly<Record<string, unknown>>
  deleted: boolean
}

/** Listens until the scope closes. `tokens`: the paths (`mount/path`) that each token may read. */
export const startVault = Effect.fnUntraced(function* (tokens: Readonly<Record<string, ReadonlyArray<string>>>) {
  const secrets = new Map<string, Array<Version>>()
  let sealed = false
  let requests = 0
  const server = http.createServer((request, response) => {
    requests++
    const answer = (status: number, body: object) => {
      response.writeHead(status, { "content-type": "application/json" })
      response.end(JSON.stringify(body))
    }
    if (sealed) return answer(503, { errors: ["Vault is sealed"] })
    const token = request.headers["x-vault-token"]
    if (typeof token !== "string") return answer(403, { errors: ["permission denied"] })
    const found = /^\/v1\/([^/]+)\/data\/(.+)$/.exec(new URL(request.url ?? "/", "http://v").pathname)
    if (found === null || request.method !== "GET") return answer(404, { errors: [] })
    const name = `${decodeURIComponent(found[1]!)}/${found[2]!.split("/").map(decodeURIComponent).join("/")}`
    if (tokens[token]?.includes(name) !== true) return answer(403, { errors: ["1 error occurred: permission denied"] })
    const versions = secrets.get(name) ?? []
    const last = versions.at(-1)
    if (last === undefined) return answer(404, { errors: [] })
    const metadata = {
      created_time: "2026-11-28T00:00:00Z",
      deletion_time: last.deleted ? "2026-11-28T01:00:00Z" : "",
      destroyed: false,
      version: versions.length
    }
    // A deleted version is answered with 404 and its metadata.
    if (last.deleted) return answer(404, { data: { data: null, metadata } })
    answer(200, { request_id: "r", lease_id: "", renewable: false, data: { data: last.data, metadata } })
  })
  const port = yield* listenLocally(server)
  return {
    address: `http://127.0.0.1:${port}`,
    put: (name: string, data: Readonly<Record<string, unknown>>) =>
      void secrets.set(name, [...(secrets.get(name) ?? []), { data, deleted: false }]),
    remove: (name: string) => {
      const last = secrets.get(name)?.at(-1)
      if (last !== undefined) last.deleted = true
    },
    seal: (isSealed: boolean) => {
      sealed = isSealed
    },
    requests: () => requests
  }
})
