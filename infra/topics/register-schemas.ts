/** Registers the schema of each declared topic under FULL_TRANSITIVE compatibility: no change may break either side. */
import * as Effect from "effect/Effect"
import type { RegistryError } from "../../shared/avro/codecs.ts"
import { schemaTexts, topicSchemas } from "../../shared/avro/record-types.ts"
import { subjectOf } from "../../shared/avro/registry.ts"
import { makeRegistryClient, type RegistryAddress } from "../../shared/avro/registry-client.ts"

export interface RegisteredSubject {
  readonly subject: string
  readonly id: number
  /** False if this schema was registered before. */
  readonly created: boolean
}

const requestsAtOnceMax = 4

/** One subject for each declared topic, `<prefix><topic>-value`; may be called again at will. */
export const registerSchemas = (
  address: RegistryAddress,
  prefix: string
): Effect.Effect<ReadonlyArray<RegisteredSubject>, RegistryError> => {
  const client = makeRegistryClient(address)
  return Effect.forEach(
    topicSchemas,
    ({ topic, schema }) => {
      const subject = subjectOf(prefix, topic)
      return Effect.map(client.register(subject, schemaTexts[schema]), (registered) => ({ subject, ...registered }))
    },
    { concurrency: requestsAtOnceMax }
  )
}
