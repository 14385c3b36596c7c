import { assert, it } from "@effect/vitest"
import { balanceOf } from "../../shared/ledger/balance.ts"
import { Ledger } from "../../shared/ledger/ledger.ts"
import { balanceTable, balanceToJson } from "./ledger-report.ts"

const plain = (_: unknown, text: string): string => text

it("shows why events were refused, the most frequent reasons first and the rest counted", () => {
  const ledger = new Ledger(new Map([["shop", "enabled"]]))
  let offset = 0
  const refuse = (reason: string, times: number) => {
    for (let time = 0; time < times; time++, offset++) {
      ledger.raw({ partition: 0, offset, timestamp: 0 })
      ledger.normalized({ partition: 0, offset, timestamp: 0 }, `e${offset}`, { partition: 0, offset })
      ledger.result({ partition: 0, offset, timestamp: 0 }, "shop", {
        outcome: "rejected",
        reason_code: reason,
        timestamp: 1,
        attempted_at: 1,
        accepted_at: null,
        corrects: null
      })
    }
  }
  refuse("100", 1)
  refuse("100/2804009", 3)
  for (let other = 0; other < 10; other++) refuse(`rare-${other}`, 1)
  const balance = { ...balanceOf(ledger), withoutRaw: ["stranger"] }
  assert.match(balanceTable(balance, plain), /^shop rejected: 100\/2804009 3, 100 1, .*, 2 other reasons$/m)
  assert.strictEqual(balanceToJson(balance).connections[0]?.rejected_by["100/2804009"], 3)
  assert.match(balanceTable(balance, plain), /^1 normalized without a raw record .*: stranger$/m)
})
