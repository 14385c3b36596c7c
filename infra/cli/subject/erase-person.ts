/** Erases a person: events stop at once; the secrets are destroyed when the grace window is over. */
import { randomUUID } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Suppression } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { connectors } from "../../../shared/connectors/registry.ts"
import { headerNames, topicNames } from "../../../shared/model/topics.ts"
import { suppressionKey } from "../../../shared/suppression/suppressions.ts"
import { confirm, count, type Paint, show, table } from "../output.ts"
import { type Deadline, deadlinesOf, lastOf, lawfulMillis } from "./deadlines.ts"
import { erasureEntry, writeErasure } from "./erasure-entry.ts"
import { countSecrets, findSubject, hashesWithChanges, type Unopened, unopenedText } from "./find-subject.ts"
import type { Person } from "./person.ts"

interface EraseOptions {
  readonly graceMillis: number
  /** Whether the other identifiers of the same events are erased too. */
  readonly linked: boolean
  readonly dryRun: boolean
  /** Without a question. */
  readonly yes: boolean
}

/** Says what is held of the person and when it is gone; unless it is a dry run, asks and erases. */
export const erasePerson = Effect.fnUntraced(function* (person: Person, options: EraseOptions) {
  const held = yield* whatIsHeld(person)
  const ids = options.linked ? new Set([...person.ids, ...held.linked]) : person.ids
  const planNow = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const destroyAt = now + options.graceMillis
    return { now, destroyAt, held, deadlines: yield* deadlinesOf(now, destroyAt), ids, linked: options.linked }
  })
  if (options.dryRun || !options.yes) {
    const plan: Plan = { ...(yield* planNow), erasure: null }
    yield* show(toJson(plan), (paint) => toText(plan, paint))
    if (options.dryRun) return
    yield* confirm("Erase this person?", "Nothing was changed.")
  }
  // Its time is that of its record: what came while the topics were read and the question stood is from before it, too.
  const plan = { ...(yield* planNow), erasure: randomUUID() }
  yield* write(person, plan)
  yield* show(toJson(plan), (paint) => toText(plan, paint))
})

interface Held {
  /** Records by topic. */
  readonly records: ReadonlyMap<string, number>
  /** Secrets that are not destroyed. */
  readonly secrets: number
  /** Keyed ids of other identifiers that occur with this person's. */
  readonly linked: ReadonlySet<string>
  readonly unopened: Unopened | null
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
  const unopened = yield* findSubject(identity, ids, (finding) =>
    Effect.sync(() => {
      records.set(finding.topic, (records.get(finding.topic) ?? 0) + 1)
      for (const id of finding.ids) if (!ids.has(id)) linked.add(id)
    })
  )
  return { records, secrets: yield* countSecrets(ids), linked, unopened } satisfies Held
})

/** The suppression comes with everything else or not at all, so that no event is sent after this. */
const write = Effect.fnUntraced(function* (
  person: Person,
  { erasure, now, destroyAt, ids, deadlines }: Plan & { readonly erasure: string }
) {
  const codecs = yield* Codecs
  const suppression: Suppression = {
    at: now,
    erasure,
    destroy_at: destroyAt,
    ad_user_data: null,
    ad_personalization: null,
    sale_of_data: null
  }
  const value = codecs.encode(topicNames.suppressions, "suppression", suppression)
  const changes = yield* hashesWithChanges(person.identifier.hashes)
  const requested = { identifiers: ids.size, destroy_at: destroyAt, gone_by: lastOf(deadlines) }
  yield* writeErasure(
    [
      ...[...ids].map((id) => ({ topic: topicNames.suppressions, key: suppressionKey("erased", id), value })),
      // A change of consent stands there under the plain hash, which is not to be written where it is not.
      ...[...changes].map((key) => ({
        topic: topicNames.consentChanges,
        key,
        value: null,
        headers: { [headerNames.erasure]: erasure }
      }))
    ],
    [erasureEntry("requested", erasure, now, requested)]
  )
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
  unopened_dead_letters: held.unopened?.deadLetters ?? 0,
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
    held.unopened === null ? "" : paint("red", `${unopenedText(held.unopened)} ${held.unopened.error.nextStep}`),
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
