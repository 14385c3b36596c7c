import { assert, it } from "@effect/vitest"
import { KafkaError } from "./client.ts"
import { noAnswer } from "./unreachable.ts"

const brokers = ["a:9092", "b:9092"]
const usual = "Start it, or correct KAFKA_BROKERS."
const failed = (message: string) =>
  new KafkaError({ code: "unreachable", operation: "list topics", message, nextStep: "", cause: null })

it.each([
  [
    "Kafka could not list topics: Connection error: connect ECONNREFUSED 10.0.0.1:9092.",
    "connect ECONNREFUSED 10.0.0.1:9092"
  ],
  [
    "Kafka could not list topics: Connection error: 40D3482BE97F0000:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert internal error:../deps/openssl/rec_layer_s3.c:918:SSL alert number 80\n.",
    "ssl/tls alert internal error"
  ],
  ["Kafka could not list topics: something else.", "something else"]
])("says why brokers do not answer, and what is usual where nothing is known about it: %s", (message, reason) => {
  const error = noAnswer(brokers, failed(message), usual, false)
  assert.strictEqual(error.message, `Kafka does not answer at a:9092, b:9092 (${reason}).`)
  assert.strictEqual(error.nextStep, usual)
})

it("names a login that may be missing where brokers say nothing", () => {
  assert.include(noAnswer(brokers, null, usual, false).nextStep, `${usual} If its port asks for a login`)
  assert.strictEqual(noAnswer(brokers, null, usual, true).nextStep, usual)
  assert.strictEqual(noAnswer(brokers, null, usual, true).message, "Kafka does not answer at a:9092, b:9092.")
})
