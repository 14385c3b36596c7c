/** `./capi credentials`: the encrypted store. Values come from standard input or a prompt, never from the command line. */

import process from "node:process"
import * as Clock from "effect/Clock"
import * as Prompt from "effect/cli/Prompt"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import topicTable from "../../../schemas/topics.json" with { type: "json" }
import { environment, loadFileSettings } from "../../../shared/config/settings.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { didYouMean } from "../../../shared/connections/did-you-mean.ts"
import { loadConnections } from "../../../shared/connectors/load-connections.ts"
import { connectorFor, connectors } from "../../../shared/connectors/registry.ts"
import { anyFields } from "../../../shared/credentials/credential.ts"
import { Credentials, credentialsOf } from "../../../shared/credentials/credentials.ts"
import type { StoredCredential } from "../../../shared/credentials/store.ts"
import { sealedTopics } from "../../../shared/model/topics.ts"
import { Argument, Command, CommandError } from "../cli.ts"
import { exampleConnection } from "../example-names.ts"
import { formatAge, Output, show, table } from "../output.ts"

const name = Argument.String("name").pipe(
  Argument.withDescription("The entry's name, as connections.yaml has it after store:")
)

const withStore = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(loadFileSettings, (settings) =>
    Effect.provideServiceEffect(effect, Credentials, credentialsOf(settings))
  )

/** A connector whose credential has several fields, for an example. */
const severalFields = Object.values(connectors).find(({ credential }) => credential.required.length > 1)

/** What credentials of any platform may hold; those of a receiver of notifications have others. */
const takenFields = new Set(
  Object.values(connectors).flatMap(({ credential }) => [...credential.required, ...credential.optional])
)

const set = Command.make("set", { name }, ({ name }) =>
  withStore(
    Effect.gen(function* () {
      const output = yield* Output
      const value = yield* readSecretInput(output, `Value of ${name}: `)
      const stored = yield* Credentials.use((credentials) => credentials.set(name, value))
      yield* show({ name, fields: stored.fields }, () => `Stored ${name} (${stored.fields.join(", ")}).`)
      for (const field of stored.fields) {
        const meant = takenFields.has(field) ? null : didYouMean(field, takenFields)
        if (meant !== null) yield* output.note(`No platform takes the field ${field}. Did you mean ${meant}?`)
      }
    })
  )
).pipe(
  Command.withDescription("Store a credential; the value is read from standard input or asked for, unseen"),
  Command.withExamples([
    { command: `./capi credentials set ${exampleConnection} < token.txt`, description: "A bare token" },
    {
      command: `./capi credentials set ${severalFields?.kind ?? exampleConnection} < credential.json`,
      description: `Several fields: ${JSON.stringify(Object.fromEntries((severalFields?.credential.required ?? []).map((field) => [field, "…"])))}`
    }
  ])
)

const list = Command.make("list", {}, () =>
  withStore(
    Effect.gen(function* () {
      const entries = yield* Credentials.use((credentials) => credentials.list)
      const now = yield* Clock.currentTimeMillis
      yield* show(entries.map(toJson), (paint) =>
        entries.length === 0
          ? "The store is empty."
          : table(
              ["NAME", "FIELDS", "AGE"],
              entries.map((entry) => [entry.name, entry.fields.join(", "), formatAge(now - entry.updatedAt)]),
              paint
            )
      )
    })
  )
).pipe(Command.withDescription("List names, fields and ages of stored credentials; never values"))

const remove = Command.make("remove", { name }, ({ name }) =>
  withStore(
    Effect.gen(function* () {
      const removed = yield* Credentials.use((credentials) => credentials.remove(name))
      if (!removed) return yield* noSuchEntry(name)
      yield* show({ name, removed }, () => `Removed ${name}.`)
    })
  )
).pipe(Command.withDescription("Remove a credential from the store"))

const check = Command.make("check", {}, () =>
  withStore(
    Effect.gen(function* () {
      const settings = yield* loadFileSettings
      const { connections } = yield* loadConnections(settings.connectionsFile, environment())
      const results = yield* Effect.forEach(
        connections.filter(({ enabled }) => enabled),
        checkConnection
      )
      const bad = results.filter((result) => !result.ok).length
      yield* show(results, (paint) =>
        table(
          ["CONNECTION", "CREDENTIAL", "STATE"],
          results.map((result) => [
            result.connection,
            result.credential,
            result.ok ? paint("green", `ok (${result.fields.join(", ")})`) : paint("red", result.message ?? "")
          ]),
          paint
        )
      )
      if (bad > 0) return yield* incomplete(bad)
    })
  )
).pipe(
  Command.withDescription(
    "Check that every enabled connection's credential exists and has the fields its platform needs"
  )
)

const rekey = Command.make("rekey", {}, () =>
  withStore(
    Effect.gen(function* () {
      const rekeyed = yield* Credentials.use((credentials) => credentials.rekey)
      const keepUntil = (yield* Clock.currentTimeMillis) + sealedForMillis
      yield* show(
        rekeyed === null ? { store: null } : { ...rekeyed, keep_previous_until: new Date(keepUntil).toISOString() },
        () =>
          rekeyed === null
            ? "There is no credential store; nothing is encrypted under the master key but what is on Kafka."
            : [
                rekeyed.changed
                  ? `Encrypted ${rekeyed.entries} credentials again: key ${rekeyed.from ?? "unknown"} → ${rekeyed.to}.`
                  : `All ${rekeyed.entries} credentials are encrypted under the current key (${rekeyed.to}) already.`,
                `Keep the earlier key until ${new Date(keepUntil).toISOString().slice(0, 10)}: dead letters and messages on Kafka that were sealed under it are kept as long.`
              ].join("\n")
      )
    })
  )
).pipe(
  Command.withDescription(
    "Encrypt the store again under CAPI_MASTER_KEY, while programs run that have it and the earlier key"
  )
)

/** Until then the last record that an earlier key sealed is deleted: the longest retention of a topic with sealed records. */
const sealedForMillis = Math.max(
  ...topicTable.topics
    .filter(({ name }) => sealedTopics.some((sealed) => name === sealed))
    .map(({ retention_ms }) => retention_ms)
)

export const credentials = Command.make("credentials").pipe(
  Command.withDescription("Keep platform credentials in the encrypted store"),
  Command.withSubcommands([set, list, check, remove, rekey])
)

const checkConnection = Effect.fnUntraced(function* (connection: Connection) {
  const shape = connectorFor(connection.kind).credential
  const head = { connection: connection.id, credential: connection.credential }
  const result = yield* Effect.result(
    Credentials.use((credentials) => credentials.resolve(connection.credential, shape ?? anyFields))
  )
  return Result.isSuccess(result)
    ? { ...head, ok: true, fields: Object.keys(result.success).sort(), message: null }
    : { ...head, ok: false, fields: [], message: result.failure.message }
})

const toJson = (entry: StoredCredential) => ({
  name: entry.name,
  fields: entry.fields,
  updated_at: new Date(entry.updatedAt).toISOString()
})

const noSuchEntry = (name: string) =>
  new CommandError({
    code: "not_found",
    message: `The store has no entry ${name}.`,
    nextStep: "See `./capi credentials list`."
  })

const incomplete = (count: number) =>
  new CommandError({
    code: "incomplete",
    message: `${count} ${count === 1 ? "connection lacks its" : "connections lack their"} credential.`,
    nextStep: "Set them: ./capi credentials set <name>, or the environment variable that the reference names."
  })

const secretBytesMax = 64 * 1024

/** Reads a secret from standard input, or asks for it without showing what is typed. */
const readSecretInput = Effect.fnUntraced(function* (output: Output["Service"], question: string) {
  const value = output.interactive
    ? yield* Prompt.run(Prompt.Password({ message: question }))
    : yield* readStandardInput
  if (Redacted.value(value).trim() === "")
    return yield* new CommandError({
      code: "no_value",
      message: "There is no value on standard input.",
      nextStep: "Pipe it in, such as: ./capi credentials set name < file",
      exitCode: 2
    })
  return value
})

const readStandardInput: Effect.Effect<Redacted.Redacted, CommandError> = Effect.tryPromise({
  try: async () => {
    const chunks: Array<Buffer> = []
    let bytes = 0
    for await (const chunk of process.stdin) {
      bytes += chunk.length
      if (bytes > secretBytesMax) return Promise.reject(new Error("too long"))
      chunks.push(Buffer.from(chunk))
    }
    return Redacted.make(Buffer.concat(chunks).toString("utf8"))
  },
  catch: (cause) =>
    new CommandError({
      code: "unreadable",
      message: "Standard input could not be read.",
      nextStep: `Give at most ${secretBytesMax} bytes.`,
      cause
    })
})
