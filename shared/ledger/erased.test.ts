import { assert, it } from "@effect/vitest"
import { balanceOf } from "./balance.ts"
import { Ledger } from "./ledger.ts"

const source = (offset: number) => ({ partition: 0, offset, timestamp: 1_000 + offset })
const passed = { normalizer: new Map([[0, 3]]), mapper: new Map(), deliveries: new Map(), retries: new Map() }

it("a record that the normalizer skipped for an erasure is accounted for, and one without a trace is missing", () => {
  const ledger = new Ledger(new Map([["shop", "enabled" as const]]))
  ledger.advance(passed)
  for (const offset of [0, 1, 2]) ledger.raw(source(offset))
  ledger.erased(source(0))
  ledger.deadLetter(source(1))
  ledger.erased(source(1))
  // Of an earlier record at the position.
  ledger.erased({ ...source(2), timestamp: 5 })
  const { erasedRaw, deadLetteredRaw, missingRaw, balanced } = balanceOf(ledger)
  assert.deepStrictEqual(
    { erasedRaw, deadLetteredRaw, missingRaw, balanced },
    {
      erasedRaw: 2,
      deadLetteredRaw: 0,
      missingRaw: ["0:2"],
      balanced: false
    }
  )
})
