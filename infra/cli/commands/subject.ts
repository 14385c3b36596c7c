/** `./capi subject export`: everything that is held about a person, as lines of JSON. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Command, CommandError } from "../cli.ts"
import { count, Output } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { findSubject, type Unopened, unopenedText } from "../subject/find-subject.ts"
import { identifierArgument, kindFlag, personOf } from "../subject/person.ts"

const exportCommand = Command.make(
  "export",
  { identifier: identifierArgument, kind: kindFlag },
  ({ identifier, kind }) =>
    withKafkaAndCodecs(
      Effect.gen(function* () {
        const output = yield* Output
        const person = yield* personOf(identifier, Option.getOrNull(kind))
        let found = 0
        let unreadable = 0
        const unopened = yield* findSubject(
          person.identity,
          person.ids,
          ({ topic, partition, offset, timestamp, record }) => {
            found++
            if (record === null) unreadable++
            const line = { topic, partition, offset, timestamp, record: record === null ? null : readable(record) }
            return output.write(`${JSON.stringify(line)}\n`)
          }
        )
        yield* output.note(
          `${count(found, "record")}${unreadable === 0 ? "" : `, ${unreadable} of them sealed under a secret that is destroyed`}.`
        )
        if (unopened !== null) return yield* incomplete(unopened)
      })
    )
).pipe(
  Command.withDescription("Print every record about a person, opened, one a line: it is personal data in clear"),
  Command.withExamples([
    { command: "./capi subject export jane@shop.example > jane.jsonl", description: "For a request of access" }
  ])
)

const incomplete = (unopened: Unopened) =>
  new CommandError({
    code: "incomplete",
    message: `The export may not be complete: ${unopenedText(unopened)}`,
    nextStep: unopened.error.nextStep
  })

export const subject = Command.make("subject").pipe(
  Command.withDescription("What is held about a person"),
  Command.withSubcommands([exportCommand])
)

/** Payloads as JSON; what is still sealed under the master key as its length. */
const readable = (value: unknown): unknown => {
  if (Buffer.isBuffer(value)) return { bytes: value.length }
  if (Array.isArray(value)) return value.map(readable)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, key === "payload" ? parsed(item) : readable(item)])
  )
}

const parsed = (payload: unknown): unknown => {
  try {
    return JSON.parse(String(payload))
  } catch {
    return payload
  }
}
