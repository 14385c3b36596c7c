/** `./capi erase`: erases a person. Events stop at once; the secrets are destroyed when the grace window is over. */
import { randomUUID } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ErasureLogEntry, Suppression } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { SettingsService } from "../../../shared/config/settings.ts"
import { connectors } from "../../../shared/connectors/registry.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { suppressionKey } from "../../../shared/suppression/suppressions.ts"
import { Command, CommandError, Flag } from "../cli.ts"
import { confirm, count, type Paint, show, table } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { type Deadline, deadlinesOf, lastOf, lawfulMillis } from "../subject/deadlines.ts"
import { countSecrets, findSubject, hashesWithChanges } from "../subject/find-subject.ts"
import { identifierArgument, kindFlag, type Person, personOf } from "../subject/person.ts"

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
  (flags) =>
    withKafkaAndCodecs(
      Effect.gen(function* () {
        const graceMillis = yield* durationOf(flags.grace)
        const person = yield* personOf(flags.identifier, Option.getOrNull(flags.kind))
        if (flags.cancel) return yield* cancelErasure(person, flags.yes)
        const now = yield* Clock.currentTimeMillis
        const held = yield* whatIsHeld(person)
        const ids = flags.linked ? new Set([...person.ids, ...held.linked]) : person.ids
        const deadlines = yield* deadlinesOf(now, now + graceMillis)
        const plan: Plan = {
          erasure: null,
          now,
          destroyAt: now + graceMillis,
          held,
          deadlines,
          ids,
          linked: flags.linked
        }
        if (flags.dryRun) return yield* show(toJson(plan), (paint) => toText(plan, paint))
        if (!flags.yes) {
          yield* show(toJson(plan), (paint) => toText(plan, paint))
          yield* confirm("Erase this person?", "Nothing was changed.")
        }
        const erasure = randomUUID()
        yield* write(person, { ...plan, erasure })
        yield* show(toJson({ ...plan, erasure }), (paint) => toText({ ...plan, erasure }, paint))
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

interface Held {
  /** Records by topic. */
  readonly records: ReadonlyMap<string, number>
  /** Secrets that are not destroyed. */
  readonly secrets: number
  /** Keyed ids of other identifiers that occur with this person's. */
  readonly linked: ReadonlySet<string>
}

interface Plan {
  /** Null in a dry run. */
  readonly erasure: string | null
  readonly now: number
  readonly destroyAt: number
  readonly held: Held
  readonly deadlines: ReadonlyArray<Deadline>
  readonly ids: ReadonlySet<string>
  readonly linked: boolean
}

const whatIsHeld = Effect.fnUntraced(function* ({ identity, ids }: Person) {
  const records = new Map<string, number>()
  const linked = new Set<string>()
  yield* findSubject(identity, ids, (finding) =>
    Effect.sync(() => {
      records.set(finding.topic, (records.get(finding.topic) ?? 0) + 1)
      for (const id of finding.ids) if (!ids.has(id)) linked.add(id)
    })
  )
  return { records, secrets: yield* countSecrets(ids), linked } satisfies Held
})

/** The suppression comes with everything else or not at all, so that no event is sent after this. */
const write = Effect.fnUntraced(function* (person: Person, { erasure, now, destroyAt, ids, deadlines }: Plan) {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const { topicPrefix } = yield* SettingsService
  const suppression: Suppression = {
    at: now,
    erasure,
    destroy_at: destroyAt,
    ad_user_data: null,
    ad_personalization: null,
    sale_of_data: null
  }
  const value = codecs.encode(topicNames.suppressions, "suppression", suppression)
  const entry = entryOf("requested", erasure ?? "", now, {
    identifiers: ids.size,
    destroy_at: destroyAt,
    gone_by: lastOf(deadlines)
  })
  const changes = yield* hashesWithChanges(person.identifier.hashes)
  const producer = yield* kafka.transactional(`${topicPrefix}capi-erase`)
  yield* producer.commit({
    records: [
      ...[...ids].map((id) => ({
        topic: topicPrefix + topicNames.suppressions,
        key: suppressionKey("erased", id),
        value
      })),
      // A change of consent stands there under the plain hash, which is not to be written where it is not.
      ...[...changes].map((key) => ({ topic: topicPrefix + topicNames.consentChanges, key, value: null })),
      {
        topic: topicPrefix + topicNames.erasureLog,
        key: erasure,
        value: codecs.encode(topicNames.erasureLog, "erasure-log-entry", entry)
      }
    ],
    offsets: []
  })
}, Effect.scoped)

const cancelErasure = Effect.fnUntraced(function* ({ ids }: Person, isConfirmed: boolean) {
  const codecs = yield* Codecs
  const { topicPrefix } = yield* SettingsService
  if (!isConfirmed) yield* confirm("Take the erasure of this person back?", "Nothing was changed.")
  const now = yield* Clock.currentTimeMillis
  const secrets = yield* countSecrets(ids)
  const entry = entryOf("cancelled", "", now, { identifiers: ids.size })
  yield* (yield* KafkaClient).produce([
    ...[...ids].map((id) => ({
      topic: topicPrefix + topicNames.suppressions,
      key: suppressionKey("erased", id),
      value: null
    })),
    {
      topic: topicPrefix + topicNames.erasureLog,
      key: null,
      value: codecs.encode(topicNames.erasureLog, "erasure-log-entry", entry)
    }
  ])
  yield* show({ cancelled: true, secrets }, () =>
    secrets === 0
      ? "Events of this person go on. No secret of this identifier is there: what was sealed before may not be readable any more."
      : "The erasure is cancelled: events of this person go on, and what is sealed stays readable. An erasure with --linked has to be cancelled for each identifier."
  )
})

const entryOf = (
  step: string,
  erasure: string,
  timestamp: number,
  fields: Partial<ErasureLogEntry>
): ErasureLogEntry => ({
  erasure,
  step,
  timestamp,
  identifiers: 0,
  destroy_at: null,
  gone_by: null,
  partition: null,
  secrets: 0,
  ...fields
})

/** What each platform keeps, and the way to have it deleted there. */
const platformRoutes = Object.values(connectors).map(({ name, deletionRoute }) => ({ name, ...deletionRoute }))

const toJson = ({ erasure, destroyAt, held, deadlines, ids, linked }: Plan) => ({
  erasure,
  dry_run: erasure === null,
  identifiers: ids.size,
  linked_identifiers: held.linked.size,
  linked_are_erased: linked,
  records: Object.fromEntries(held.records),
  secrets: held.secrets,
  destroy_at: destroyAt,
  topics: deadlines.map(({ topic, by, goneBy }) => ({ topic, by, gone_by: goneBy })),
  gone_by: lastOf(deadlines),
  platforms: platformRoutes.map(({ name, route, isDocumented }) => ({ name, route, documented: isDocumented }))
})

const toText = ({ erasure, now, destroyAt, held, deadlines, linked }: Plan, paint: Paint): string => {
  const rows = deadlines.map(({ topic, by, goneBy }) => {
    const date = goneBy === null ? "never" : new Date(goneBy).toISOString().slice(0, 16)
    const isLate = goneBy === null || goneBy - now > lawfulMillis
    return [
      topic,
      held.records.get(topic) ?? (topic === topicNames.personKeys ? held.secrets : 0),
      by,
      isLate ? paint("red", date) : date
    ]
  })
  const others = [...held.records].filter(([topic]) => !deadlines.some((deadline) => deadline.topic === topic))
  const late = deadlines.filter(({ goneBy }) => goneBy === null || goneBy - now > lawfulMillis)
  const last = lastOf(deadlines)
  return [
    erasure === null
      ? "Nothing is changed. This person's records:"
      : paint("green", `Erasure ${erasure} is recorded: no event of this person from before is sent any more.`),
    table(["TOPIC", "RECORDS", "GONE BY", "AT THE LATEST (UTC)"], rows, paint),
    ...others.map(([topic, records]) => `${topic}: ${count(records, "record")} of these events, without identifiers.`),
    `Secrets are destroyed after ${new Date(destroyAt).toISOString().slice(0, 16)}; until then --cancel takes it back.`,
    last === null ? "" : `The last copy is gone by ${new Date(last).toISOString().slice(0, 16)}.`,
    ...late.map(({ topic }) =>
      paint(
        "red",
        `${topic} keeps records for longer than a month: lower its retention.ms or segment.ms (docs/erasure.md).`
      )
    ),
    held.linked.size === 0
      ? ""
      : `${count(held.linked.size, "other identifier")} ${held.linked.size === 1 ? "occurs" : "occur"} in the same events${linked ? " and are erased too" : ": --linked erases them too"}.`,
    paint("bold", "Platforms keep what they were sent:"),
    ...platformRoutes.map(
      ({ name, route, isDocumented }) => `- ${name}: ${route}${isDocumented ? "" : " (unconfirmed)"}`
    )
  ]
    .filter((line) => line !== "")
    .join("\n")
}

const durationOf = (text: string) =>
  Effect.fromOption(Duration.fromInput(text as Duration.Input)).pipe(
    Effect.map(Duration.toMillis),
    Effect.mapError(
      () =>
        new CommandError({
          code: "invalid_grace",
          message: `${JSON.stringify(text)} is no length of time.`,
          nextStep: 'Give such as --grace "12 hours".',
          exitCode: 2
        })
    )
  )
