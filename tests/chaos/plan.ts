/** What a seed does to the system: the same seed gives the same plan. */
import { makeRandom, type Random } from "../../infra/sandbox/random.ts"

const shortProcessors = ["normalizer", "mapper", "delivery-meta", "delivery-whatsapp"] as const
const seedProcessors = [...shortProcessors, "delivery-google", "health"] as const
export type ProcessorName = (typeof seedProcessors)[number]
export type DeliveryName = Extract<ProcessorName, `delivery-${string}`>

/** Each happens while events flow; what it breaks is repaired before the next one. */
export type Disruption =
  /** kill -9 at a random time; started again at once, as an orchestrator does. */
  | { readonly kind: "kill"; readonly processor: ProcessorName; readonly afterMillis: number }
  /** kill -9 while the platform has processed a request whose outcome is not committed. */
  | { readonly kind: "kill-before-commit"; readonly processor: DeliveryName }
  /** SIGSTOP until the group has given its partitions away, then SIGCONT. */
  | { readonly kind: "zombie"; readonly processor: ProcessorName }
  /** A second instance joins, then the first one leaves in order. */
  | { readonly kind: "join-and-leave"; readonly processor: ProcessorName }
  /** kill -9 of one broker of however many there are, and its start after a while. */
  | { readonly kind: "broker-kill"; readonly pick: number; readonly downMillis: number }
  /** The broker's disk refuses every write, until it is killed and started with room again. */
  | { readonly kind: "disk-full"; readonly pick: number }
  /** The registry goes away while a processor starts, and returns. */
  | { readonly kind: "registry-down"; readonly processor: ProcessorName; readonly downMillis: number }
  /** The wall clock of a processor jumps, and jumps back. */
  | { readonly kind: "clock-jump"; readonly processor: ProcessorName; readonly millis: number }
  /** The platform answers too late, cuts connections, or refuses for a while. */
  | { readonly kind: "platform-fault"; readonly fault: PlatformFault }

export interface PlatformFault {
  readonly kind: "latency" | "reset_before" | "reset_after" | "throttle" | "truncated_body"
  readonly platform: "meta" | "whatsapp" | "google"
  readonly count: number
  readonly delay_ms: number
}

export interface Plan {
  readonly seed: number
  readonly brokers: 1 | 3
  readonly processors: ReadonlyArray<ProcessorName>
  /** Whether the registry comes only after the processors. */
  readonly registryLate: boolean
  readonly disruptions: ReadonlyArray<Disruption>
}

const kinds = [
  "kill",
  "broker-kill",
  "zombie",
  "kill-before-commit",
  "platform-fault",
  "registry-down",
  "join-and-leave",
  "disk-full",
  "clock-jump"
] as const

const disruptionsOfASeed = 5

/** Seeds in a row cover every kind; every third seed has a cluster of three brokers. */
export const planOf = (seed: number): Plan => {
  const random = makeRandom(seed * 7919 + 17)
  const disruptions = Array.from({ length: disruptionsOfASeed }, (_, index) =>
    make(kinds[(seed * disruptionsOfASeed + index) % kinds.length]!, random)
  )
  const brokers = seed % 3 === 2 ? 3 : 1
  return {
    seed,
    brokers,
    processors: seedProcessors,
    registryLate: seed % 2 === 1,
    disruptions: shuffled(disruptions, random)
  }
}

/** What every change must stand: a process killed at each stage, a zombie, and a broker that is killed. */
export const shortPlan: Plan = {
  seed: 0,
  brokers: 1,
  processors: shortProcessors,
  registryLate: false,
  disruptions: [
    { kind: "kill", processor: "normalizer", afterMillis: 150 },
    { kind: "kill-before-commit", processor: "delivery-meta" },
    { kind: "zombie", processor: "mapper" },
    { kind: "kill-before-commit", processor: "delivery-whatsapp" },
    { kind: "broker-kill", pick: 0, downMillis: 1_000 },
    { kind: "kill", processor: "mapper", afterMillis: 300 }
  ]
}

const make = (kind: (typeof kinds)[number], random: Random): Disruption => {
  const processor = seedProcessors[index(random, seedProcessors.length)]!
  switch (kind) {
    case "kill":
      return { kind, processor, afterMillis: index(random, 1_500) }
    case "kill-before-commit":
      return { kind, processor: deliveries[index(random, deliveries.length)]! }
    case "zombie":
    case "join-and-leave":
      return { kind, processor }
    case "broker-kill":
      return { kind, pick: index(random, 3), downMillis: index(random, 4_000) }
    case "disk-full":
      return { kind, pick: index(random, 3) }
    case "registry-down":
      return { kind, processor, downMillis: 1_000 + index(random, 5_000) }
    case "clock-jump":
      return { kind, processor, millis: (random.next() < 0.5 ? 1 : -1) * (60_000 + index(random, 7_200_000)) }
    case "platform-fault":
      return { kind, fault: faultOf(random) }
  }
}

const deliveries = ["delivery-meta", "delivery-whatsapp", "delivery-google"] as const
const faultKinds = ["latency", "reset_before", "reset_after", "throttle", "truncated_body"] as const

const faultOf = (random: Random): PlatformFault => ({
  kind: faultKinds[index(random, faultKinds.length)]!,
  platform: (["meta", "meta", "whatsapp", "google"] as const)[index(random, 4)]!,
  // Fewer than open the circuit: its minute of rest would be most of the run.
  count: 1 + index(random, 3),
  delay_ms: 500 + index(random, 2_000)
})

const index = (random: Random, length: number): number => Math.floor(random.next() * length)

const shuffled = <A>(list: ReadonlyArray<A>, random: Random): ReadonlyArray<A> => {
  const copy = [...list]
  for (let at = copy.length - 1; at > 0; at--) {
    const other = index(random, at + 1)
    ;[copy[at], copy[other]] = [copy[other]!, copy[at]!]
  }
  return copy
}
