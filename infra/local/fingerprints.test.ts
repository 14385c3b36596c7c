import { createServer } from "node:http"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { checkSchemaIds, recordSchemaIds } from "./fingerprints.ts"

// A registry of one subject, `events-value`, whose versions are the ids of `schemas`.
const registry = (schemas: () => Readonly<Record<number, string>>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const server = createServer((request, response) => {
        const answer = answerTo(request.url ?? "", schemas())
        response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" })
        response.end(JSON.stringify(answer ?? { error_code: 40403 }))
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address() as { readonly port: number }
        resume(Effect.succeed({ url: `http://127.0.0.1:${address.port}`, close: () => server.close() }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const answerTo = (url: string, schemas: Readonly<Record<number, string>>): unknown => {
  const id = Number(url.split("/").at(-1))
  if (url === "/subjects") return ["events-value"]
  if (url === "/subjects/events-value/versions") return Object.keys(schemas).map(Number)
  if (schemas[id] === undefined) return undefined
  return url.startsWith("/schemas/ids/") ? { schema: schemas[id] } : { id, schema: schemas[id] }
}

it.live("ids that mean what they meant pass, also when the JSON is spaced in another way", () =>
  Effect.gen(function* () {
    let schemas: Readonly<Record<number, string>> = { 1: '{"type":"string"}', 2: '"int"' }
    const { url } = yield* registry(() => schemas)
    const folder = temporaryFolder()
    yield* checkSchemaIds(folder, url, "jars")
    yield* recordSchemaIds(folder, url, "jars")
    schemas = { 1: '{ "type": "string" }', 2: '"int"', 3: '"long"' }
    yield* checkSchemaIds(folder, url, "jars")
  })
)

it.live("an id that means another schema now, or nothing, stops the start", () =>
  Effect.gen(function* () {
    let schemas: Readonly<Record<number, string>> = { 1: '"string"', 2: '"int"' }
    const { url } = yield* registry(() => schemas)
    const folder = temporaryFolder()
    yield* recordSchemaIds(folder, url, "jars")
    schemas = { 1: '"int"', 2: '"string"' }
    const changed = yield* Effect.flip(checkSchemaIds(folder, url, "jars"))
    assert.strictEqual(changed.code, "schema_ids_changed")
    assert.match(changed.message, /id 1 means another schema/)
    schemas = {}
    assert.match((yield* Effect.flip(checkSchemaIds(folder, url, "jars"))).message, /unknown to the registry/)
  })
)
