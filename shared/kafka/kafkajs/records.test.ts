import { assert, it } from "@effect/vitest"
import { type TransactionalMessage, visibleMessages } from "./records.ts"

const message = (offset: number, producerId: string, inTransaction: boolean): TransactionalMessage => ({
  key: null,
  offset: String(offset),
  isControlRecord: false,
  batchContext: { producerId, inTransaction }
})

const marker = (offset: number, producerId: string, type: "abort" | "commit"): TransactionalMessage => ({
  ...message(offset, producerId, true),
  key: Buffer.from([0, 0, 0, type === "abort" ? 0 : 1]),
  isControlRecord: true
})

it("hides an aborted transaction up to its marker, and no neighbour's", () => {
  const messages = [
    message(0, "1", true),
    message(1, "2", true),
    message(2, "3", false),
    marker(3, "1", "abort"),
    marker(4, "2", "commit"),
    message(5, "1", true),
    marker(6, "1", "commit")
  ]
  const offsets = visibleMessages(messages, [{ producerId: "1", firstOffset: "0" }]).map(({ offset }) => offset)
  assert.deepStrictEqual(offsets, ["1", "2", "5"])
})

it("handles several aborted transactions of one producer, listed in any order", () => {
  const messages = [
    message(0, "1", true),
    marker(1, "1", "abort"),
    message(2, "1", true),
    marker(3, "1", "commit"),
    message(4, "1", true),
    marker(5, "1", "abort")
  ]
  const aborted = [
    { producerId: "1", firstOffset: "4" },
    { producerId: "1", firstOffset: "0" }
  ]
  assert.deepStrictEqual(
    visibleMessages(messages, aborted).map(({ offset }) => offset),
    ["2"]
  )
})
