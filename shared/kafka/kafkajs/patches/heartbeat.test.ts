import { createRequire } from "node:module"
import { afterEach, assert, it, vi } from "@effect/vitest"
import { repairHeartbeats } from "./heartbeat.ts"

interface GroupMember {
  memberId: string
  coordinator: { readonly heartbeat: () => Promise<void> }
  readonly heartbeat: (options: { readonly interval: number }) => Promise<void>
}

const ConsumerGroup = createRequire(import.meta.url)("kafkajs/src/consumer/consumerGroup") as new (
  options: object
) => GroupMember

afterEach(() => {
  vi.restoreAllMocks()
})

/** Heartbeats that a member sends when it is asked twice, the wall clock set by so much between. */
const heartbeatsOver = async (jumpMillis: number, interval: number): Promise<number> => {
  repairHeartbeats()
  const now = Date.now()
  const wallClock = vi.spyOn(Date, "now").mockReturnValue(now)
  const member = new ConsumerGroup({
    groupId: "group",
    logger: { namespace: () => ({}) },
    instrumentationEmitter: { emit: () => undefined }
  })
  let sent = 0
  member.memberId = "member"
  member.coordinator = { heartbeat: async () => void sent++ }
  await member.heartbeat({ interval })
  wallClock.mockReturnValue(now + jumpMillis)
  await member.heartbeat({ interval })
  return sent
}

// Red when `repairHeartbeats` does nothing.
it("sends heartbeats though the wall clock is set back", async () => {
  assert.strictEqual(await heartbeatsOver(-7_200_000, 0), 2)
})

it("sends none before its interval is over, wherever the wall clock is", async () => {
  assert.strictEqual(await heartbeatsOver(7_200_000, 60_000), 0)
})
