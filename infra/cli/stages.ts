/** The stages of the pipeline by name: which group reads which topic. */

import * as Effect from "effect/Effect"
import { environment } from "../../shared/config/environment.ts"
import { loadFileSettings } from "../../shared/config/settings.ts"
import { suggestion } from "../../shared/connections/did-you-mean.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import { CommandError } from "./command-error.ts"

/** A consumer group and one of its inputs; names without prefix. */
export interface Stage {
  readonly group: string
  readonly topic: string
  /** Where the group reads only the records of one connection. */
  readonly connection: string | null
}

const fixed: Readonly<Record<string, ReadonlyArray<Stage>>> = {
  normalizer: [{ group: "normalizer", topic: "raw-events", connection: null }],
  mapper: [{ group: "mapper", topic: "normalized-events", connection: null }],
  health: [
    { group: "health", topic: "delivery-results", connection: null },
    { group: "health", topic: "connector-state", connection: null }
  ]
}

/**
 * The groups of a stage: `delivery-meta` stands for every connection of the platform. Delivery's other topic, the delayed
 * retries, is left out: each of its events is on the topic of mapped events too, and would be sent twice.
 */
export const stagesOf = Effect.fnUntraced(function* (name: string) {
  const stage = Object.hasOwn(fixed, name) ? fixed[name] : undefined
  if (stage !== undefined) return stage
  const settings = yield* loadFileSettings
  const { connections } = yield* loadConnections(settings.connectionsFile, environment())
  const deliveries = connections.map(({ id, platform }) => ({
    name: `delivery-${platform}`,
    group: `delivery-${platform}.${id}`,
    topic: `mapped-events.${platform}`,
    connection: id
  }))
  const found = deliveries.filter((delivery) => delivery.name === name || delivery.group === name)
  if (found.length > 0) return found.map(({ group, topic, connection }) => ({ group, topic, connection }))
  const names = [...Object.keys(fixed), ...new Set(deliveries.flatMap((delivery) => [delivery.name, delivery.group]))]
  return yield* new CommandError({
    code: "unknown_stage",
    message: `There is no stage ${JSON.stringify(name)}.${suggestion(name, names)}`,
    nextStep: `Stages are ${names.join(", ")}.`,
    exitCode: 2
  })
})
