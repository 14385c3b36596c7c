/** The deadline of a step that never waits for long: past it the step counts as stuck. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { KafkaError } from "../kafka/client.ts"
import type { Processor } from "./contract.ts"

/** Fails with `timeout` past the processor's deadline, so that the partition is opened again; without one it waits for ever. */
export const withDeadline = <A, E, R, E2, R2>(
  { stepDeadline }: Pick<Processor<E2, R2>, "stepDeadline">,
  step: Effect.Effect<A, E, R>
): Effect.Effect<A, E | KafkaError, R> =>
  stepDeadline === undefined
    ? step
    : Effect.timeoutOrElse(step, { duration: stepDeadline, orElse: () => Effect.fail(stuckStep(stepDeadline)) })

const stuckStep = (deadline: Duration.Duration) =>
  new KafkaError({
    code: "timeout",
    operation: "work",
    message: `A step took longer than ${Duration.format(deadline)}.`,
    nextStep: "The partition is opened again by itself; look at the registry and the machine's load if this repeats.",
    cause: null
  })
