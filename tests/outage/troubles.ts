/**
 * The platforms' troubles, one after the other, driven by what has happened and not by the clock: each begins when every
 * platform has got events since the last one, and ends when requests of every platform have met it and has lasted its time.
 */
import * as Effect from "effect/Effect"
import { until } from "../../shared/testing/kafka-probe.ts"
import type { Fault, SandboxControl } from "../harness/sandbox-control.ts"
import { targets } from "./plan.ts"

export interface AppliedTrouble {
  readonly trouble: string
  /** Requests that met it, by platform. */
  readonly requests: Readonly<Record<string, number>>
}

export interface TroubleTools {
  readonly control: SandboxControl
  readonly print: (line: string) => void
}

/** Scripts the fault for every platform. */
export const begin = ({ control, print }: TroubleTools, trouble: string, fault: Fault): Effect.Effect<void> =>
  Effect.andThen(
    Effect.sync(() => print(`${trouble}: begins.`)),
    control.add(targets.map(({ platform }) => ({ ...fault, platform, id: idOf(trouble, platform) })))
  )

/** Waits until requests of every platform have met the fault, then so many seconds more. */
export const lasting = Effect.fnUntraced(function* (tools: TroubleTools, trouble: string, seconds: number) {
  yield* until(
    `${trouble} meets requests of every platform`,
    () => Effect.map(requestsBy(tools, trouble), (requests) => Object.values(requests).every((count) => count > 0)),
    meetMillisMax,
    200
  )
  tools.print(`${trouble}: was met by every platform; lasts ${seconds} s more.`)
  yield* Effect.sleep(seconds * 1000)
})

/** Ends it and prints what it did. */
export const end = Effect.fnUntraced(function* (tools: TroubleTools, trouble: string) {
  const requests = yield* requestsBy(tools, trouble)
  for (const { platform } of targets) yield* tools.control.remove(idOf(trouble, platform))
  tools.print(
    `${trouble}: ends. Requests that met it: ${targets.map(({ platform }) => `${platform} ${requests[platform]}`).join(", ")}.`
  )
  return { trouble, requests } satisfies AppliedTrouble
})

/** Waits until every platform has taken so many events more than `before`. */
export const untilTaken = (
  tools: TroubleTools,
  before: Readonly<Record<string, number>>,
  more: number
): Effect.Effect<void> =>
  until(
    `every platform takes ${more} more events`,
    () =>
      Effect.map(takenBy(tools.control), (taken) =>
        targets.every(({ platform }) => (taken[platform] ?? 0) >= (before[platform] ?? 0) + more)
      ),
    meetMillisMax,
    200
  )

const meetMillisMax = 180_000

/** Distinct events that each platform has. */
export const takenBy = (control: SandboxControl): Effect.Effect<Readonly<Record<string, number>>> =>
  Effect.map(control.counts, (counts) =>
    Object.fromEntries(targets.map(({ platform }) => [platform, counts[platform]?.distinct ?? 0]))
  )

const requestsBy = ({ control }: TroubleTools, trouble: string): Effect.Effect<Readonly<Record<string, number>>> =>
  Effect.map(control.active, (active) =>
    Object.fromEntries(
      targets.map(({ platform }) => [platform, active.find(({ id }) => id === idOf(trouble, platform))?.applied ?? 0])
    )
  )

const idOf = (trouble: string, platform: string): string => `${trouble}/${platform}`
