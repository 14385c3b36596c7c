/** An event mapper that asks a language model. No adapter is built in: a deployment that wants one passes it. */
import * as Effect from "effect/Effect"
import { canonicalEvents } from "../../../shared/connectors/mapping/catalog.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import { platforms } from "../../../shared/model/platform.ts"
import {
  type AIEventMapper,
  type EventMapping,
  offlineEventMapper,
  type SuggestError,
  type SuggestInput
} from "./suggest.ts"

/** Gets the event's name and its properties' names, never a value or a customer. */
export interface LanguageModelAdapter {
  readonly propose: (
    input: SuggestInput,
    catalog: { readonly canonicalEvents: ReadonlyArray<string> }
  ) => Effect.Effect<ReadonlyArray<EventMapping>, SuggestError>
}

/**
 * The offline mapper's proposals together with the model's, the best first. What the model names must exist: an event
 * that a platform doesn't know is taken out of its proposal. Without an adapter it is the offline mapper.
 */
export const eventMapper = (adapter: LanguageModelAdapter | null): AIEventMapper =>
  adapter === null
    ? offlineEventMapper
    : {
        suggest: (input) =>
          Effect.map(
            Effect.all([offlineEventMapper.suggest(input), adapter.propose(input, { canonicalEvents })]),
            ([offline, model]) => [...offline, ...model.map(checked)].sort((a, b) => b.confidence - a.confidence)
          )
      }

const checked = (mapping: EventMapping): EventMapping => ({
  ...mapping,
  canonicalEvent:
    mapping.canonicalEvent !== null && canonicalEvents.includes(mapping.canonicalEvent) ? mapping.canonicalEvent : null,
  platformEvents: Object.fromEntries(
    platforms.map((platform) => {
      const name = mapping.platformEvents[platform]
      const { standardEvents, takesCustomEvents } = connectorFor(platform).catalog
      const exists = name !== null && (takesCustomEvents || standardEvents.includes(name))
      return [platform, exists ? name : null]
    })
  ) as EventMapping["platformEvents"],
  confidence: Math.min(Math.max(mapping.confidence, 0), 1)
})
