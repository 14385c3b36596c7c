/** When the work of a program begins again: real files, a broker in memory. */
import { writeFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { loadSettings, SettingsService } from "../config/settings.ts"
import { Connections, connectionsOf } from "../connections/connections.ts"
import { loadConnections } from "../connectors/load-connections.ts"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import { Readiness } from "./health.ts"
import { awaitRightFile, type ConcernedProgram, untilConnectionsChange } from "./reload-connections.ts"
import { topicsOf } from "./services.ts"

const connection = (id: string, platform: "meta" | "tiktok", more = "") =>
  `  - { id: ${id}, platform: ${platform}, account: { ${platform === "meta" ? 'dataset_id: "1"' : "pixel_code: C1"} }, credential: env:NONE${more} }\n`
const file = (...connections: ReadonlyArray<string>) => `version: 1\nconnections:\n${connections.join("")}`
const first = file(connection("a", "meta"))

/** The work of a program on a file, what it logged, and a way to write the file. */
const started = Effect.fnUntraced(function* (program: ConcernedProgram, every = "20 millis") {
  const name = path.join(temporaryFolder(), "connections.yaml")
  const write = (text: string) => writeFileSync(name, text)
  write(first)
  const lines: Array<string> = []
  const kafka = new MemoryKafka()
  for (const topic of topicsOf(program.name, ["meta"])) kafka.log.create(topic, 1)
  const env = {
    KAFKA_BROKERS: "b:9092",
    SCHEMA_REGISTRY_URL: "http://r",
    CAPI_CONNECTIONS: name,
    CAPI_CONNECTIONS_EVERY: every
  }
  const settings = yield* Effect.provide(loadSettings, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
  const { connections } = yield* loadConnections(name, {})
  const stages: Array<string> = []
  // What is in flight takes a while to finish.
  const work = Effect.andThen(
    Effect.sync(() => stages.push("begun")),
    Effect.onInterrupt(Effect.never, () =>
      Effect.andThen(
        Effect.sleep("50 millis"),
        Effect.sync(() => stages.push("finished"))
      )
    )
  )
  const logger = Logger.make(({ message, fiber }) => {
    lines.push(`${String(message)} ${JSON.stringify(fiber.getRef(References.CurrentLogAnnotations))}`)
  })
  const fiber = yield* untilConnectionsChange([program], work).pipe(
    Effect.tap((end) => Effect.sync(() => stages.push(end))),
    Effect.provide(
      Layer.mergeAll(
        Layer.succeed(SettingsService, settings),
        Layer.succeed(Connections, connectionsOf(connections)),
        kafka.layer,
        Logger.layer([logger])
      )
    ),
    Effect.forkScoped
  )
  const until = (what: string, condition: () => boolean) => Effect.promise(() => waitUntil(what, condition, 15_000))
  const begun = Effect.provide(
    awaitRightFile,
    Layer.mergeAll(Layer.succeed(SettingsService, settings), Logger.layer([logger]))
  )
  return { write, lines, stages, fiber, until, begun }
})

describe("a changed file of connections", () => {
  it.live("begins the work again once what is in flight is finished", () =>
    Effect.gen(function* () {
      const { write, stages, until } = yield* started({ name: "mapper" })
      write(file(connection("a", "meta"), connection("b", "meta")))
      yield* until("the work has ended", () => stages.length === 3)
      assert.deepStrictEqual(stages, ["begun", "finished", "changed"])
    })
  )

  it.live("changes nothing where a start would refuse it, and says so once", () =>
    Effect.gen(function* () {
      const { write, lines, stages, until } = yield* started({ name: "mapper" })
      write(file(connection("a", "meta", ", limits: { linger: soon }")))
      yield* until("it is named", () => lines.length === 1)
      assert.include(lines[0], "are not taken")
      assert.include(lines[0], "linger")
      write(file(connection("a", "meta"), connection("t", "tiktok")))
      yield* until("the missing topic is named", () => lines.length === 2)
      assert.include(lines[1], "mapped-events.tiktok")
      assert.deepStrictEqual(stages, ["begun"])
      write(file(connection("a", "meta", ", enabled: false")))
      yield* until("a right file is taken", () => stages.includes("changed"))
    })
  )

  it.live("concerns a program by its connections alone, and by their meaning", () =>
    Effect.gen(function* () {
      const program = {
        name: "delivery-meta",
        concerns: ({ platform }: { readonly platform: string }) => platform === "meta"
      }
      const { write, stages, until } = yield* started(program)
      write(`# a comment\n${first}`)
      write(file(connection("t", "tiktok"), connection("a", "meta")))
      const { write: other, stages: others, until: untilOther } = yield* started({ name: "mapper" })
      // As long as another program takes to see a change.
      other(file(connection("a", "meta"), connection("b", "meta")))
      yield* untilOther("another sees it", () => others.includes("changed"))
      assert.deepStrictEqual(stages, ["begun"])
      write(file(connection("t", "tiktok"), connection("c", "meta")))
      yield* until("it is concerned", () => stages.includes("changed"))
    })
  )

  it.live("that is wrong when the work would begin again is waited for, and ends nothing", () =>
    Effect.gen(function* () {
      const { write, lines, stages, until, begun } = yield* started({ name: "mapper" })
      write(file(connection("a", "meta"), connection("b", "meta")))
      yield* until("the work has ended", () => stages.includes("changed"))
      write(file(connection("a", "meta", ", limits: { linger: soon }")))
      const again = yield* Effect.forkScoped(Effect.tap(begun, () => Effect.sync(() => stages.push("begun again"))))
      yield* until("it is named", () => lines.some((line) => line.includes("nothing runs")))
      const readiness = yield* Readiness
      assert.include((yield* readiness.report).dependencies["connections"]?.reason, "linger")
      assert.notInclude(stages, "begun again")
      write(first)
      yield* Fiber.join(again)
      assert.deepStrictEqual((yield* readiness.report).dependencies, {})
      assert.strictEqual(lines.filter((line) => line.includes("nothing runs")).length, 1)
    }).pipe(Effect.provide(Readiness.layer))
  )
})
