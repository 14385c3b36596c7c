/** The stages of the pipeline by name: which group reads which topic. */
import { Effect } from "effect"
import { environment } from "../../shared/config/environment.ts"
import { loadFileSettings } from "../../shared/config/settings.ts"
import { suggestion } from "../../shared/connections/did-you-mean.ts"
import { rulesOf } from "../../shared/connections/kind-rules.ts"
import { loadConnectionsFile } from "../../shared/connections/load.ts"
import { CommandError } from "./command-error.ts"

/** A consumer group and its input; names without prefix. */
export interface Stage {
  readonly group: string
  readonly topic: string
}

const fixed: Readonly<Record<string, Stage>> = {
  normalizer: { group: "normalizer", topic: "raw-events" },
  mapper: { group: "mapper", topic: "normalized-events" },
  health: { group: "health", topic: "delivery-results" }
}

/** The groups of a stage: `delivery-meta` stands for every connection of the platform. */
export const stagesOf = Effect.fnUntraced(function* (name: string) {
  const stage = Object.hasOwn(fixed, name) ? fixed[name] : undefined
  if (stage !== undefined) return [stage]
  const settings = yield* loadFileSettings
  const { connections } = yield* loadConnectionsFile(settings.connectionsFile, { rulesOf, variables: environment() })
  const deliveries = connections.map(({ id, platform }) => ({
    name: `delivery-${platform}`,
    group: `delivery-${platform}.${id}`,
    topic: `mapped-events.${platform}`
  }))
  const found = deliveries.filter((delivery) => delivery.name === name || delivery.group === name)
  if (found.length > 0) return found.map(({ group, topic }) => ({ group, topic }))
  const names = [...Object.keys(fixed), ...new Set(deliveries.flatMap((delivery) => [delivery.name, delivery.group]))]
  return yield* new CommandError({
    code: "unknown_stage",
    message: `There is no stage ${JSON.stringify(name)}.${suggestion(name, names)}`,
    nextStep: `Stages are ${names.join(", ")}.`,
    exitCode: 2
  })
})
