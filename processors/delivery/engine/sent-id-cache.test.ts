import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import { SentIdCache } from "./sent-id-cache.ts"

const now = 1_795_000_000_500
const day = Duration.toMillis("24 hours")

it("knows what was sent for its window, and never longer", () => {
  const sent = new SentIdCache(Duration.millis(day), 1_000)
  sent.remember("a", now)
  assert.isTrue(sent.has("a", now + day - 1_001))
  assert.isFalse(sent.has("a", now + day))
  assert.isFalse(sent.has("b", now))
})

it("takes back what was found not to be sent, until it is sent", () => {
  const sent = new SentIdCache(Duration.millis(day), 1_000)
  sent.revoke("a", now)
  sent.remember("a", now)
  sent.revoke("a", now)
  assert.isFalse(sent.has("a", now))
  sent.remember("a", now)
  assert.isTrue(sent.has("a", now))
})

it("holds an id in forty bytes, and forgets the oldest beyond its bound", () => {
  const sent = new SentIdCache(Duration.millis(day), 100_000)
  for (let index = 0; index < 400_000; index++) sent.remember(`event-${index}`, now + index)
  assert.isBelow(sent.bytes, 45 * 100_000)
  assert.isTrue(sent.has("event-399999", now + 400_000))
  assert.isFalse(sent.has("event-0", now + 400_000))
})
