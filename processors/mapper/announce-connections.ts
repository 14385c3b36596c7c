/** Writes for which connections a partition's events are decided from its position on, where that is another set than before. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Codecs } from "../../shared/codec/codecs.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { decidedConnectionsTopic, readDecidedConnections } from "../../shared/ledger/decided-connections.ts"
import type { AssignedPartition } from "../../shared/runtime/contract.ts"
import { RuntimeOptions } from "../../shared/runtime/runtime-options.ts"

/**
 * Before the first batch, by the partition's own producer: a member that lost the partition fails here, and no step of this
 * opening is committed without it. `connections` are the enabled ones.
 */
export const announceConnections = Effect.fn("mapper.announceConnections")(function* (
  connections: ReadonlyArray<Pick<Connection, "id" | "platform">>,
  { partition, position, append }: AssignedPartition
) {
  if (append === undefined || position === undefined) return
  const { prefix } = yield* RuntimeOptions
  const known = (yield* readDecidedConnections(prefix)).at({ partition, offset: position })
  if (known !== null && known.size === connections.length && connections.every(({ id }) => known.has(id))) return
  const codecs = yield* Codecs
  const value = codecs.encode(decidedConnectionsTopic, "mapper-connections", {
    partition,
    offset: position,
    timestamp: yield* Clock.currentTimeMillis,
    connections: connections.map(({ id, platform }) => ({ id, platform }))
  })
  yield* append([{ topic: decidedConnectionsTopic, key: `${partition}:${position}`, value }])
})
