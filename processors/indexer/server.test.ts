/** Who may look up in the index. */
import { request } from "node:http"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { makeIdentityKey } from "../../shared/credentials/identity-key.ts"
import { indexPath, makeIndexClient } from "../../shared/event-story/ask-index.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { beginning } from "./follower.ts"
import { IndexStore } from "./index-store.ts"
import { checkIndexer, openStore } from "./program.ts"
import { serveLookups } from "./server.ts"
import { makeTermHasher } from "./terms.ts"

const hasher = makeTermHasher(makeIdentityKey(Buffer.alloc(32, 1)))
const retention = Duration.days(7)
const retentionMillis = Duration.toMillis(retention)
const token = "the-token-of-the-indexers-test"

const start = (withToken: boolean, port = 0) =>
  serveLookups({
    host: "127.0.0.1",
    port,
    token: withToken ? Redacted.make(token) : null,
    store: new IndexStore({ file: ":memory:", owner: hasher.keyName, retentionMillis }),
    hasher,
    progress: beginning(),
    retentionMillis
  })

const json = { "content-type": "application/json" }
const statusOf = (port: number, headers: Readonly<Record<string, string>>, body = '{"terms":[]}') =>
  Effect.promise(
    () =>
      new Promise<number>((resolve, reject) => {
        const sent = request({ port, host: "127.0.0.1", path: indexPath, method: "POST", headers }, (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        })
        sent.on("error", reject)
        sent.end(body)
      })
  )

describe("lookups in the index", () => {
  it.live("are for names of this machine where there is no token, and for no page in a browser", () =>
    Effect.gen(function* () {
      const { port } = yield* start(false)
      assert.strictEqual(yield* statusOf(port, json), 200)
      assert.strictEqual(yield* statusOf(port, { ...json, host: `localhost:${port}` }), 200)
      assert.strictEqual(yield* statusOf(port, { ...json, host: "rebound.example" }), 403)
      assert.strictEqual(yield* statusOf(port, { "content-type": "text/plain" }), 403)
      assert.strictEqual(yield* statusOf(port, json, "{"), 400)
    }).pipe(Effect.scoped)
  )

  it.live("name their own settings where their port is in use", () =>
    Effect.gen(function* () {
      const { port } = yield* start(false)
      const { message, nextStep } = yield* Effect.flip(start(false, port))
      assert.strictEqual(message, `Port ${port} is in use on 127.0.0.1.`)
      assert.match(nextStep, /^Set CAPI_INDEXER_PORT to another port/)
    }).pipe(Effect.scoped)
  )

  it.live("say since when the index holds records, by the wall clock", () =>
    Effect.gen(function* () {
      const { port } = yield* start(false)
      const asked = yield* Clock.currentTimeMillis
      const { since } = yield* makeIndexClient(`http://127.0.0.1:${port}`, null).ask([{ kind: "event", text: "o-42" }])
      const answered = yield* Clock.currentTimeMillis
      assert.isAtLeast(since, asked - retentionMillis)
      assert.isAtMost(since, answered - retentionMillis)
    }).pipe(Effect.scoped)
  )

  it.live("need the token where there is one", () =>
    Effect.gen(function* () {
      const { port } = yield* start(true)
      const host = "indexer.example"
      assert.strictEqual(yield* statusOf(port, { ...json, host, authorization: `Bearer ${token}` }), 200)
      for (const wrong of ["", `Bearer ${token}x`, `Bearer ${token.slice(1)}`, token])
        assert.strictEqual(yield* statusOf(port, { ...json, host, authorization: wrong }), 403, wrong)
      assert.strictEqual(yield* statusOf(port, json), 403)
    }).pipe(Effect.scoped)
  )

  it.effect("are of one program for a file: a second one says so, and that none is damaged", () =>
    Effect.gen(function* () {
      const file = path.join(temporaryFolder(), "index.sqlite")
      yield* openStore(file, hasher.keyName, retentionMillis)
      const { message, nextStep } = yield* Effect.flip(openStore(file, hasher.keyName, retentionMillis))
      assert.match(message, /database is locked/)
      assert.match(nextStep, /^Another indexer has it/)
    }).pipe(Effect.scoped)
  )

  it.effect("are not served to other machines without a token", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(checkIndexer({ host: "0.0.0.0", token: null, retention }))
      assert.match(refused.message, /CAPI_INDEXER_TOKEN/)
      yield* checkIndexer({ host: "0.0.0.0", token: Redacted.make(token), retention })
      yield* checkIndexer({ host: "127.0.0.1", token: null, retention })
    })
  )
})
