/** Takes the erasure of a person back. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { topicNames } from "../../../shared/model/topics.ts"
import { readSuppressions } from "../../../shared/suppression/follow-suppressions.ts"
import { suppressionKey } from "../../../shared/suppression/suppressions.ts"
import { CommandError } from "../cli.ts"
import { confirm, show } from "../output.ts"
import { erasureEntry, writeErasure } from "./erasure-entry.ts"
import { countSecrets } from "./find-subject.ts"
import type { Person } from "./person.ts"

/** Ends the suppression of the person's identifiers, and writes it down for each erasure that they belong to. */
export const cancelErasure = Effect.fnUntraced(function* ({ ids }: Person, isConfirmed: boolean) {
  const erased = yield* erasuresOf(ids)
  if (erased.size === 0) return yield* noErasure
  if (!isConfirmed) yield* confirm("Take the erasure of this person back?", "Nothing was changed.")
  const now = yield* Clock.currentTimeMillis
  const secrets = yield* countSecrets(ids)
  yield* writeErasure(
    [...erased.keys()].map((id) => ({
      topic: topicNames.suppressions,
      key: suppressionKey("erased", id),
      value: null
    })),
    [...Map.groupBy([...erased.values()].flat(), (erasure) => erasure)].map(([erasure, { length: identifiers }]) =>
      erasureEntry("cancelled", erasure, now, { identifiers })
    )
  )
  yield* show({ cancelled: true, secrets }, () =>
    secrets === 0
      ? "Events of this person go on. No secret of this identifier is there: what was sealed before may not be readable any more."
      : "The erasure is cancelled: events of this person go on, and what is sealed stays readable. An erasure with --linked has to be cancelled for each identifier."
  )
})

/** For each of the ids that is erased, the erasures that asked for it and were not cancelled. */
const erasuresOf = Effect.fnUntraced(function* (ids: ReadonlySet<string>) {
  const idOf = new Map([...ids].map((id) => [suppressionKey("erased", id), id]))
  const erased = new Map<string, ReadonlyArray<string>>()
  yield* readSuppressions((key, record) => {
    const id = idOf.get(key)
    if (id === undefined) return
    if (record === null) erased.delete(id)
    else erased.set(id, [...(erased.get(id) ?? []), record.erasure ?? ""])
  })
  return erased
})

const noErasure = new CommandError({
  code: "not_erased",
  message: "No erasure of this person is there to take back: nothing was changed.",
  nextStep: "Give the identifier that was erased, with its --kind; ./capi erasures says which erasures were cancelled."
})
