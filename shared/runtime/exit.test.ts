import { once } from "node:events"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Redacted from "effect/Redacted"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { SettingsError } from "../config/settings.ts"
import { CredentialsError } from "../credentials/credential.ts"
import { KafkaError } from "../kafka/client.ts"
import { KnownSecrets } from "../telemetry/redaction.ts"
import { describeFailure, exitCodes, formatFailure } from "./exit.ts"
import { ListenError } from "./http-server.ts"

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

  it.each(["no_master_key", "weak_master_key"] as const)("of a master key (%s) are wrong use", (code) => {
    const error = new CredentialsError({ code, message: "M.", nextStep: "N.", cause: null })
    assert.strictEqual(describeFailure(Cause.fail(error))?.exitCode, exitCodes.usage)
  })

  it.each([
    ["address_unavailable", exitCodes.usage],
    ["forbidden", exitCodes.usage],
    ["port_in_use", exitCodes.failure]
  ] as const)("of an address to listen on (%s) are wrong use where the setting never fits", (code, exitCode) => {
    const error = new ListenError({ code, message: "M.", nextStep: "N.", cause: null })
    assert.strictEqual(describeFailure(Cause.fail(error))?.exitCode, exitCode)
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

const program = `
const { beforeForcedExit, exitAtSecondInterrupt } = await import(${JSON.stringify(new URL("exit.ts", import.meta.url).href)})
exitAtSecondInterrupt()
beforeForcedExit(() => process.stdout.write("children ended\\n"))
beforeForcedExit(() => process.stdout.write("removed\\n"))()
// By a clock that moves at signals alone: how soon a busy machine hands them over does not matter.
let [now, signals] = [0, 0]
performance.now = () => now
for (const signal of ["SIGINT", "SIGTERM"])
  process.on(signal, () => {
    now += [999, 1][signals++]
    process.stdout.write("signal " + signals + "\\n")
  })
setInterval(() => undefined, 1000)
process.stdout.write("up\\n")
`

const start = async () => {
  const child = spawnGuarded(process.execPath, ["--input-type=module", "-e", program], { stdio: "pipe" })
  const text = { out: "", err: "" }
  child.stdout.on("data", (chunk) => {
    text.out += chunk
  })
  child.stderr.on("data", (chunk) => {
    text.err += chunk
  })
  const said = async (line: string) => {
    while (!text.out.endsWith(`${line}\n`)) await once(child.stdout, "data")
  }
  await said("up")
  return { child, text, said }
}

for (const first of ["SIGINT", "SIGTERM"] as const)
  it(`a Ctrl-C a second after ${first} ends a program at once, one that arrives twice does not`, async () => {
    const { child, text, said } = await start()
    child.kill(first)
    await said("signal 1")
    child.kill("SIGINT")
    await said("signal 2")
    assert.isNull(child.exitCode)
    const ended = once(child, "close")
    child.kill("SIGINT")
    const [code] = await ended
    assert.strictEqual(code, 130)
    assert.strictEqual(text.out, "up\nsignal 1\nsignal 2\nchildren ended\n")
    assert.match(text.err, /^Ended at once by a second Ctrl-C.*\n$/)
  })
