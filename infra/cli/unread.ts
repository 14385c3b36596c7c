/** Events that wait for a connection that does not deliver, where a command names them. */

import * as Effect from "effect/Effect"
import { environment } from "../../shared/config/environment.ts"
import { SettingsService } from "../../shared/config/settings.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import { describeUnread, type UnreadEvents, unreadEvents } from "../../shared/ledger/unread-events.ts"
import type { Paint } from "./output.ts"
import { registryOf } from "./services.ts"

/** Null where the file of connections or the registry cannot be read: then it is not known. */
export const unreadOf = Effect.gen(function* () {
  const settings = yield* SettingsService
  const loaded = yield* loadConnections(settings.connectionsFile, environment())
  return yield* unreadEvents(loaded.connections, settings.topicPrefix).pipe(Effect.provide(registryOf(settings)))
}).pipe(Effect.orElseSucceed((): ReadonlyArray<UnreadEvents> | null => null))

export const unreadLines = (unread: ReadonlyArray<UnreadEvents> | null, paint: Paint): ReadonlyArray<string> =>
  (unread ?? []).map((one) => paint("yellow", describeUnread(one)))
