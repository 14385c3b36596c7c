/** Replays: which group reads which topic, and what a replay sends again. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import {
  decodeSettings,
  type EventLog,
  environment,
  eventLogSetting,
  loadFileSettings
} from "../../shared/config/settings.ts"
import { suggestion } from "../../shared/connections/did-you-mean.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { CommandError } from "./cli.ts"

/** A consumer group and one of its inputs; names without prefix. */
export interface Stage {
  readonly group: string
  readonly topic: string
  /** Where the group reads only the records of one connection. */
  readonly connection: string | null
  /** The group whose members read for the stage: for deliveries that of the platform, since a connection's has no members. */
  readonly members: string
}

const fixedStages = (eventLog: EventLog): Readonly<Record<string, ReadonlyArray<Stage>>> => ({
  normalizer: [{ group: "normalizer", members: "normalizer", topic: eventLog, connection: null }],
  mapper: [{ group: "mapper", members: "mapper", topic: topicNames.normalized, connection: null }],
  health: [
    { group: "health", members: "health", topic: topicNames.results, connection: null },
    { group: "health", members: "health", topic: topicNames.state, connection: null }
  ]
})

/**
 * The groups of a stage: `delivery-<platform>` stands for every connection of the platform. Delivery's other topic, the delayed
 * retries, is left out: each of its events is on the topic of mapped events too, and would be sent twice.
 */
export const stagesOf = Effect.fnUntraced(function* (name: string) {
  const fixed = fixedStages(yield* decodeSettings(eventLogSetting))
  const stage = Object.hasOwn(fixed, name) ? fixed[name] : undefined
  if (stage !== undefined) return stage
  const settings = yield* loadFileSettings
  const { connections } = yield* loadConnections(settings.connectionsFile, environment())
  const deliveries = connections.map(({ id, platform }) => ({
    name: `delivery-${platform}`,
    group: `delivery-${platform}.${id}`,
    members: `delivery-${platform}`,
    topic: topicNames.mapped(platform),
    connection: id
  }))
  const found = deliveries.filter((delivery) => delivery.name === name || delivery.group === name)
  if (found.length > 0) return found.map(({ name: _, ...stage }) => stage)
  const names = [...Object.keys(fixed), ...new Set(deliveries.flatMap((delivery) => [delivery.name, delivery.group]))]
  return yield* new CommandError({
    code: "unknown_stage",
    message: `There is no stage ${JSON.stringify(name)}.${suggestion(name, names)}`,
    nextStep: `Stages are ${names.join(", ")}.`,
    exitCode: 2
  })
})

import { topicNames } from "../../shared/model/topics.ts"

/** Connections that the replay's events come to whose platform does not know a repeat by its event id. */
const unrepeatable = Effect.fnUntraced(function* (stages: ReadonlyArray<Stage>) {
  const settings = yield* loadFileSettings
  const loaded = yield* Effect.result(loadConnections(settings.connectionsFile, environment()))
  // Normalizer and mapper can be replayed without the file.
  if (Result.isFailure(loaded)) return null
  const { connections } = loaded.success
  const named = new Set(stages.map(({ connection }) => connection))
  const upstream = stages.some(({ group }) => group === "normalizer" || group === "mapper")
  return connections.filter((one) => (upstream ? one.enabled : named.has(one.id)) && !connectorFor(one.kind).idempotent)
})

/**
 * Which messages a replay sends again, as sentences for people; and the topics whose numbers of partitions must be made
 * equal before, so that what was sent is found again.
 */
export const replayWarnings = Effect.fnUntraced(function* (stages: ReadonlyArray<Stage>, prefix: string) {
  const notes: Array<string> = []
  const pairs: Array<readonly [string, string]> = []
  const found = yield* unrepeatable(stages)
  if (found === null)
    notes.push(
      "The file of connections could not be read: whether a platform gets messages again that it takes for new ones is not known."
    )
  for (const { id, platform } of found ?? []) {
    notes.push(
      `${id}: what was sent within 24 hours is skipped as a duplicate, also after partitions were added; older events are sent again, as new messages.`
    )
    pairs.push([topicNames.mapped(platform), topicNames.intents])
    pairs.push([topicNames.retry(platform), topicNames.intents])
  }
  if (stages.some(({ group }) => group === "normalizer" || group === "mapper"))
    pairs.push([topicNames.normalized, topicNames.mapperDedup])
  const different: Array<string> = []
  let most = 0
  for (const [input, state] of pairs) {
    const counts = yield* Effect.forEach([input, state], (topic) => partitionsOf(prefix + topic))
    if (counts[0] === counts[1]) continue
    different.push(`${prefix}${input} has ${counts[0]} partitions and ${prefix}${state} has ${counts[1]}`)
    most = Math.max(most, ...counts)
  }
  return { notes, different, most }
})

const partitionsOf = (topic: string) =>
  KafkaClient.use((client) => Effect.map(client.topicOffsets(topic), (found) => found.length))

export const partitionsDiffer = (different: ReadonlyArray<string>, most: number) =>
  new CommandError({
    code: "partitions_differ",
    message: `${different.join("; ")}: what was sent could not be found again.`,
    nextStep: `Give all topics the same number: ./capi topics --add-partitions ${most}.`
  })
