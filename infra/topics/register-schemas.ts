/** Registers the schema of each declared topic under FULL_TRANSITIVE compatibility: no change may break either side. */
import * as Effect from "effect/Effect"
import type { RegistryError } from "../../shared/codec/codecs.ts"
import { subjectOf } from "../../shared/codec/registry.ts"
import { makeRegistryClient, type RegistryAddress } from "../../shared/codec/registry-client.ts"
import { schemaJson, topicSchemas } from "../../shared/codec/schemas.ts"

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
      return Effect.map(client.register(subject, schemaJson[schema]), (registered) => ({ subject, ...registered }))
    },
    { concurrency: requestsAtOnceMax }
  )
}
