/** `./capi map`: proposes platform events for unknown event names; a person accepts them into the file of connections. */

import { randomBytes } from "node:crypto"
import { realpath, rename, stat, writeFile } from "node:fs/promises"
import path from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { readValues } from "../../../shared/codec/read-values.ts"
import { environment, loadFileSettings } from "../../../shared/config/settings.ts"
import { readConnectionsText } from "../../../shared/connections/connections.ts"
import { checkConnections } from "../../../shared/connectors/load-connections.ts"
import { canonicalEvents } from "../../../shared/connectors/mapping/catalog.ts"
import { canonicalName } from "../../../shared/connectors/mapping/compile.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import { type Platform, platforms } from "../../../shared/model/platform.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { repository } from "../../local/state.ts"
import { Argument, Command, CommandError, Flag } from "../cli.ts"
import { exampleConnection } from "../example-names.ts"
import { acceptMapping, checkPlatformEvent } from "../mapping/accept.ts"
import { type EventMapping, type PlatformCandidate, rankPlatformEvents, suggestMappings } from "../mapping/suggest.ts"
import { count, type Paint, show, table } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { parseStartPosition } from "../start-position.ts"
import { unreadable } from "./prepare.ts"

const events = Argument.String("event").pipe(Argument.withDescription("Names of events"), Argument.variadic())
const fromTopic = Flag.Boolean("from-topic").pipe(
  Flag.withDescription("Take the unknown names that normalized-events holds"),
  Flag.withDefault(false)
)
const since = Flag.String("since").pipe(
  Flag.withDescription("With --from-topic: beginning (default), a time, or how long ago (1 day)"),
  Flag.withDefault("beginning")
)
const names = Flag.Literals("names", ["specification", "current"]).pipe(
  Flag.withDescription("Which of a platform's names to propose"),
  Flag.withDefault("specification" as const)
)

interface Unknown {
  readonly name: string
  /** How many events had it; null where it was given on the command line. */
  readonly seen: number | null
  readonly properties: ReadonlyArray<string>
}

const suggest = Command.make("suggest", { events, fromTopic, since, names }, ({ events, fromTopic, since, names }) =>
  Effect.gen(function* () {
    if (events.length === 0 && !fromTopic) return yield* nothingAsked
    const given = events.map((name) => ({ name, seen: null, properties: [] }))
    const found = fromTopic ? yield* withKafkaAndCodecs(unknownNames(since)) : []
    const proposals = [...given, ...found].map((unknown) => ({
      ...unknown,
      mappings: suggestMappings({ sourceEvent: unknown.name, properties: unknown.properties, names }),
      platforms: candidatesOf(unknown.name, names)
    }))
    yield* show(proposals, (paint) =>
      proposals.length === 0
        ? "There is no unknown event name."
        : proposals.map((proposal) => forPeople(proposal, paint)).join("\n\n")
    )
  })
).pipe(
  Command.withDescription("Rank each platform's standard events for unknown names; changes nothing"),
  Command.withExamples([
    { command: "./capi map suggest achat order_completed", description: "For these names" },
    { command: "./capi map suggest --from-topic", description: "For the unmapped names of events that came" }
  ])
)

const event = Argument.String("event").pipe(Argument.withDescription("The event's name, as producers send it"))
const to = Argument.String("to").pipe(Argument.withDescription("The platform's event name"))
const connection = Flag.String("connection").pipe(Flag.withDescription("The connection that gets the mapping"))

const custom = Flag.Boolean("custom").pipe(
  Flag.withDescription("The platform gets a custom event by this name, where it takes such"),
  Flag.withDefault(false)
)

const accept = Command.make("accept", { event, to, connection, custom }, ({ event, to, connection, custom }) =>
  Effect.gen(function* () {
    const { connectionsFile } = yield* loadFileSettings
    yield* refuseExample(connectionsFile)
    const before = yield* readConnectionsText(connectionsFile)
    const check = (text: string) => checkConnections(connectionsFile, text, environment())
    const present = yield* Effect.fromResult(check(before))
    const kind = present.connections.find(({ id }) => id === connection)?.kind
    const after = yield* Effect.fromResult(acceptMapping(before, connection, event, to))
    if (kind !== undefined) yield* Effect.fromResult(checkPlatformEvent(kind, to, custom))
    // What a person accepts must be right as a whole before it replaces the file.
    const { warnings } = yield* Effect.fromResult(check(after))
    if (after !== before) yield* replace(connectionsFile, after)
    yield* show({ connection, event, to, changed: after !== before, warnings }, () =>
      after === before
        ? `${connection} maps ${event} to ${to} already.`
        : `${connection} now maps ${event} to ${to}. Raise its mapping.version, then restart the mapper.`
    )
  })
).pipe(
  Command.withDescription("Write a reviewed mapping into the file of connections"),
  Command.withExamples([
    { command: `./capi map accept achat Purchase --connection ${exampleConnection}`, description: "Accept one" },
    {
      command: `./capi map accept devis Quote --connection ${exampleConnection} --custom`,
      description: "As a custom event"
    }
  ])
)

export const map = Command.make("map").pipe(
  Command.withDescription("Find mappings for unknown event names"),
  Command.withSubcommands([suggest, accept])
)

const nothingAsked = Effect.fail(
  new CommandError({
    code: "no_event",
    message: "There is no event to find a mapping for.",
    nextStep: "Name one, such as ./capi map suggest achat, or use --from-topic.",
    exitCode: 2
  })
)

/** The most names that are remembered: a producer with ids in its names must not fill the memory. */
const unknownNamesMax = 1_000
const propertiesMax = 50

const unknownNames = Effect.fnUntraced(function* (since: string) {
  const from = yield* Effect.fromResult(parseStartPosition(since, yield* Clock.currentTimeMillis))
  const known = new Set(canonicalEvents)
  const found = new Map<string, { seen: number; readonly properties: Set<string> }>()
  yield* readValues({
    topic: topicNames.normalized,
    schema: "normalized-event",
    from,
    onValue: ({ event_name, properties }) => {
      if (known.has(canonicalName(event_name))) return
      const entry = found.get(event_name) ?? { seen: 0, properties: new Set<string>() }
      entry.seen++
      for (const name of Object.keys(properties?.custom ?? {}))
        if (entry.properties.size < propertiesMax) entry.properties.add(name)
      if (found.size < unknownNamesMax || found.has(event_name)) found.set(event_name, entry)
    }
  })
  return [...found]
    .map(([name, { seen, properties }]): Unknown => ({ name, seen, properties: [...properties] }))
    .sort((left, right) => (right.seen ?? 0) - (left.seen ?? 0))
})

/** The best few of each platform that has standard events. */
const candidatesOf = (name: string, names: "specification" | "current") =>
  Object.fromEntries(
    platforms
      .filter((platform) => connectorFor(platform).messageTemplates !== true)
      .map((platform) => [platform, rankPlatformEvents(name, platform, platform, names).slice(0, 3)])
  ) as Readonly<Partial<Record<Platform, ReadonlyArray<PlatformCandidate>>>>

interface Proposal extends Unknown {
  readonly mappings: ReadonlyArray<EventMapping>
  readonly platforms: ReturnType<typeof candidatesOf>
}

const forPeople = (proposal: Proposal, paint: Paint): string => {
  const seen = proposal.seen === null ? "" : ` (${count(proposal.seen, "event")})`
  const rows = Object.entries(proposal.platforms).flatMap(([platform, candidates]) =>
    candidates.map(({ platformEvent, confidence, reason }) => [
      platform,
      platformEvent,
      `${Math.round(confidence * 100)} %`,
      reason
    ])
  )
  const best = proposal.mappings[0]
  const parameters = (best?.parameters ?? []).map(({ name, from }) => `  ${name} may be ${from}`)
  return [
    `${paint("bold", proposal.name)}${seen}: ${best?.canonicalEvent ?? "nothing alike"}${best === undefined ? "" : `, since it ${best.reason}`}`,
    ...(rows.length === 0 ? [] : [table(["PLATFORM", "EVENT", "SURE", "WHY"], rows, paint)]),
    ...parameters
  ].join("\n")
}

// What the checkout tracks as an example is read by everyone, and a change of it is in the way of the next pull.
const refuseExample = Effect.fnUntraced(function* (file: string) {
  const [real, examples] = yield* Effect.tryPromise({
    // An image has no examples.
    try: () => Promise.all([realpath(file), realpath(path.join(repository, "examples")).catch(() => null)]),
    catch: (cause) => unreadable(file, cause)
  })
  if (examples === null || !real.startsWith(`${examples}${path.sep}`)) return
  return yield* new CommandError({
    code: "example_file",
    message: `${file} is an example of the checkout, which is not changed.`,
    nextStep: "Copy it (cp examples/connections.yaml connections.yaml) and set CAPI_CONNECTIONS=connections.yaml.",
    exitCode: 2
  })
})

// Through a link to the file itself, with its mode: a file of its owner alone stays so.
const replace = (file: string, text: string) =>
  Effect.tryPromise({
    try: async () => {
      const real = await realpath(file)
      const { mode } = await stat(real)
      const next = `${real}.${randomBytes(4).toString("hex")}.new`
      await writeFile(next, text, { flag: "wx", mode: mode & 0o777 })
      await rename(next, real)
    },
    catch: (cause) => unreadable(file, cause)
  })
