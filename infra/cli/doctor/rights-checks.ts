/** Whether this user has the rights of the programs that run under it (`shared/model/rights.ts`), and nothing is tried for it. */
import * as Effect from "effect/Effect"
import type { KafkaClient } from "../../../shared/kafka/client.ts"
import {
  ClusterInspection,
  KafkaClient as Kafka,
  type KafkaError,
  type TopicOperation
} from "../../../shared/kafka/client.ts"
import { type Right, rightsOf } from "../../../shared/model/rights.ts"
import { type Check, type Found, failed, problemsOr } from "./check.ts"

export interface RightsOptions {
  readonly prefix: string
  /** Programs that run under this user. */
  readonly programs: ReadonlyArray<string>
  /** Platforms with connections. */
  readonly platforms: ReadonlyArray<string>
}

export const rightsChecks = (options: RightsOptions): ReadonlyArray<Check<KafkaClient | ClusterInspection>> => {
  const rights = neededRights(options)
  const of = (resource: Right["resource"]) => rights.filter((needed) => needed.right.resource === resource)
  return [
    { group: "rights", name: "topics", run: checkTopics(of("topic")) },
    { group: "rights", name: "groups", run: checkGroups(of("group")) },
    { group: "rights", name: "transactional ids", run: checkTransactionalIds(of("transactional id")) }
  ]
}

interface NeededRight {
  readonly right: Right
  readonly programs: ReadonlyArray<string>
}

/** Each right once, with the programs that need it. */
const neededRights = ({ prefix, programs, platforms }: RightsOptions): ReadonlyArray<NeededRight> => {
  const found = new Map<string, { readonly right: Right; readonly programs: Array<string> }>()
  for (const program of programs)
    for (const right of rightsOf(program, prefix, platforms)) {
      const key = `${right.operation} ${right.resource} ${right.pattern} ${right.name}`
      const known = found.get(key)
      if (known === undefined) found.set(key, { right, programs: [program] })
      else known.programs.push(program)
    }
  return [...found.values()]
}

const checkTopics = (needed: ReadonlyArray<NeededRight>) =>
  Effect.gen(function* () {
    const names = [...new Set(needed.map(({ right }) => right.name))]
    const allowed = yield* (yield* Kafka).topicOperations(names)
    return problemsOr(
      // A topic that does not exist is named by another check.
      needed.filter(({ right }) => lacks(allowed.get(right.name), right)).map(missingRight),
      `This user may use the ${allowed.size} topics that exist as its programs do.`
    )
  })

const checkGroups = (needed: ReadonlyArray<NeededRight>) =>
  Effect.gen(function* () {
    const names = [...new Set(needed.map(({ right }) => exampleOf(right)))]
    const allowed = yield* (yield* ClusterInspection).groupOperations(names)
    return problemsOr(
      needed.filter(({ right }) => lacks(allowed.get(exampleOf(right)), right)).map(missingRight),
      "This user may join the groups of its programs, and read those that they look at."
    )
  })

/** Whether they may be written shows only a transaction, as the self test has it. */
const checkTransactionalIds = (needed: ReadonlyArray<NeededRight>) =>
  Effect.gen(function* () {
    const inspection = yield* ClusterInspection
    const missing = yield* Effect.filter(
      needed,
      ({ right }) =>
        inspection.seeTransactionalId(exampleOf(right)).pipe(
          Effect.as(false),
          Effect.catchIf(
            (error: KafkaError) => error.code === "unauthorized",
            () => Effect.succeed(true)
          )
        ),
      { concurrency: 4 }
    )
    return problemsOr(missing.map(missingRight), "This user may see the transactional ids of its programs.")
  })

/** A name that the right holds for. */
export const exampleOf = ({ name, pattern }: Right): string => (pattern === "prefixed" ? `${name}doctor` : name)

const lacks = (allowed: ReadonlySet<TopicOperation> | undefined, { operation }: Right): boolean =>
  allowed !== undefined && !allowed.has(operation)

const missingRight = ({ right, programs }: NeededRight): Found => {
  const { operation, resource, name, pattern } = right
  const option = `--${resource.replace(" ", "-")} ${name}${pattern === "prefixed" ? " --resource-pattern-type prefixed" : ""}`
  return failed(
    `${programs.join(", ")}: no right to ${operation} on the ${resource}${pattern === "prefixed" ? "s that begin with" : ""} ${name}.`,
    `Grant it: kafka-acls.sh --add --allow-principal User:<user> --operation ${operation} ${option} (docs/acl.md).`
  )
}
