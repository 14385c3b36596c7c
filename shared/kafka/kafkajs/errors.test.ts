import { assert, it } from "@effect/vitest"
import { kafkaError } from "./errors.ts"

/** As kafkajs gives up. */
const exceeded = (type: string) =>
  Object.assign(new Error("Retries exceeded"), { cause: Object.assign(new Error("Refused."), { type }) })

it.each(["NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS_AFTER_APPEND"])(
  "of brokers that are away (%s) name them, and not an address that is right",
  (type) => {
    const { code, nextStep } = kafkaError("write records", exceeded(type))
    assert.strictEqual(code, "unreachable")
    assert.include(nextStep, "brokers that are away")
    assert.include(nextStep, "min.insync.replicas")
    assert.notInclude(nextStep, "address")
  }
)

it("of a transaction's time name the broker's setting", () =>
  assert.include(kafkaError("begin", exceeded("INVALID_TRANSACTION_TIMEOUT")).nextStep, "transaction.max.timeout.ms"))
