import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Redacted from "effect/Redacted"
import { SettingsError } from "../config/settings.ts"
import { KafkaError } from "../kafka/client.ts"
import { KnownSecrets } from "../telemetry/redaction.ts"
import { describeFailure, exitCodes, formatFailure } from "./exit.ts"

class Broken extends Data.TaggedError("Broken")<{ readonly message: string }> {}

describe("failures", () => {
  const unreachable = new KafkaError({
    code: "unreachable",
    operation: "join",
    message: "Kafka does not answer\nat a:9092.",
    nextStep: "Check KAFKA_BROKERS.",
    cause: new Error("inner")
  })

  it("are one line with the next step, and a code for scripts", () => {
    const failure = describeFailure(Cause.fail(unreachable))!
    assert.strictEqual(failure.exitCode, exitCodes.unreachable)
    assert.strictEqual(failure.code, "unreachable")
    assert.strictEqual(
      formatFailure("mapper", failure),
      "mapper: Kafka does not answer at a:9092. Check KAFKA_BROKERS."
    )
  })

  it("of settings are wrong use", () => {
    const error = new SettingsError({ code: "missing", message: "M.", nextStep: "N.", cause: null })
    assert.strictEqual(describeFailure(Cause.fail(error))?.exitCode, exitCodes.usage)
  })

  it("without a next step still have a line", () => {
    const failure = describeFailure(Cause.fail(new Broken({ message: "It broke." })))!
    assert.strictEqual(formatFailure("capi", failure), "capi: It broke.")
    assert.strictEqual(failure.exitCode, exitCodes.failure)
  })

  it("that are bugs say so and where", () => {
    const failure = describeFailure(Cause.die(new Error("undefined is not a function")))!
    assert.strictEqual(failure.code, "bug")
    assert.include(formatFailure("capi", failure), "exit.test.ts")
  })

  it("that are mere interruptions are none", () => {
    assert.strictEqual(describeFailure(Cause.interrupt(1)), null)
  })

  it("hold no secret and no person", () => {
    const secrets = new KnownSecrets()
    secrets.add(Redacted.make("s3cr3t-token"))
    const failure = describeFailure(Cause.die(new Error("s3cr3t-token of jane@example.com")), secrets)!
    assert.notMatch(formatFailure("capi", failure), /s3cr3t|jane/)
  })
})
