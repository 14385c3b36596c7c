/** `./capi erase`: erases a person, or takes an erasure back. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Command, Flag } from "../cli.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { cancelErasure } from "../subject/cancel-erasure.ts"
import { graceOf } from "../subject/deadlines.ts"
import { erasePerson } from "../subject/erase-person.ts"
import { identifierArgument, kindFlag, personOf } from "../subject/person.ts"

const grace = Flag.String("grace").pipe(
  Flag.withDescription("How long the erasure can be cancelled (1 day)"),
  Flag.withDefault("1 day")
)
const linked = Flag.Boolean("linked").pipe(
  Flag.withDescription("Erase the other identifiers that occur in an event with this one, too"),
  Flag.withDefault(false)
)
const cancel = Flag.Boolean("cancel").pipe(
  Flag.withDescription("Take the erasure back, as long as its grace window is not over"),
  Flag.withDefault(false)
)
const dryRun = Flag.Boolean("dry-run").pipe(
  Flag.withDescription("Say what is held and when it would be gone, change nothing"),
  Flag.withDefault(false)
)
const yes = Flag.Boolean("yes").pipe(Flag.withAlias("y"), Flag.withDescription("Do not ask"), Flag.withDefault(false))

export const erase = Command.make(
  "erase",
  { identifier: identifierArgument, kind: kindFlag, grace, linked, cancel, dryRun, yes },
  ({ identifier, kind, grace, linked, cancel, dryRun, yes }) =>
    withKafkaAndCodecs(
      Effect.gen(function* () {
        const graceMillis = yield* graceOf(grace)
        const person = yield* personOf(identifier, Option.getOrNull(kind))
        if (cancel) return yield* cancelErasure(person, yes)
        yield* erasePerson(person, { graceMillis, linked, dryRun, yes })
      })
    )
).pipe(
  Command.withDescription(
    "Erase a person: stop their events, destroy the keys of what is sealed, and say what platforms keep"
  ),
  Command.withExamples([
    { command: "./capi erase jane@shop.example --dry-run", description: "What is held, and when it would be gone" },
    { command: "./capi erase +4915112345678 --linked --yes", description: "Erase the person with all identifiers" },
    { command: "./capi erase u-77 --cancel", description: "Within the grace window: take it back" }
  ])
)
