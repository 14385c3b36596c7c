/** The account keys of a Google connection that mapping reads. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { MapResult } from "../connector.ts"
import type { PlatformEvent } from "../mapping/event-name.ts"
import { rejected, skipped } from "../mapping/result.ts"

export type Account = Readonly<Record<string, string>>

export type Action =
  | { readonly _tag: "Action"; readonly id: string }
  | { readonly _tag: "None"; readonly result: MapResult }

/** The numeric conversion action: of the event's override, else the account's `conversion_action_id`. */
export const actionOf = (event: NormalizedEvent, named: PlatformEvent, account: Account): Action => {
  const id = named.action ?? account["conversion_action_id"]
  if (id === undefined || id === "") {
    const message = `The event ${JSON.stringify(event.event_name.slice(0, 100))} has no conversion action; set mapping.events.<event>.action or account.conversion_action_id.`
    return { _tag: "None", result: skipped("no_mapping", message) }
  }
  return /^\d+$/.test(id)
    ? { _tag: "Action", id }
    : {
        _tag: "None",
        result: rejected(
          "invalid_conversion_action",
          "A conversion action is given by its numeric id, not by its resource name."
        )
      }
}
