/** Everything that the run publishes: samples as Avro and JSON, events by hand, persons, and programs of other languages. */
import path from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { kafkaJars } from "../../infra/local/jars.ts"
import { requireJava } from "../../infra/local/java.ts"
import { openState, repository } from "../../infra/local/state.ts"
import { type SampleEvent, sampleEvents } from "../../infra/samples/sample-events.ts"
import { runProcess } from "../harness/run-command.ts"
import { testBrokers } from "../harness/test-services.ts"
import { type EndToEnd, encoder, produce } from "./end-to-end.ts"
import { leadOf, purchaseOf } from "./events.ts"
import { peopleRecords } from "./people.ts"

export interface Published {
  /** When publishing began, in milliseconds since the epoch. */
  readonly now: number
  readonly samples: ReadonlyArray<{ readonly sample: SampleEvent; readonly value: Buffer | null }>
  /** Event ids that Java's client published. */
  readonly javaIds: ReadonlyArray<string>
  readonly count: number
}

export const publishAll = async (endToEnd: EndToEnd): Promise<Published> => {
  const now = await Effect.runPromise(Clock.currentTimeMillis)
  const encode = encoder(endToEnd)
  const schemaId = encode({ event_id: "e", event_name: "page_view", event_time: 0 }).readUInt32BE(1)
  const samples = sampleEvents(now, { rawEventSchemaId: schemaId }).map((sample) => ({
    sample,
    value: bytesOf(sample, encode)
  }))
  const people = peopleRecords(now)
  const byHand = [
    { key: "u-77", value: Buffer.from(JSON.stringify(purchaseOf(now))) },
    { key: "k-1", value: encode(leadOf(now)) }
  ]
  const [javaIds] = await Promise.all([
    publishFromJava(endToEnd),
    produce(endToEnd, [...samples.map(({ sample, value }) => ({ key: sample.key, value })), ...byHand, ...people])
  ])
  return { now, samples, javaIds, count: samples.length + byHand.length + people.length + javaIds.length }
}

const bytesOf = (sample: SampleEvent, encode: (event: unknown) => Buffer): Buffer | null => {
  if (sample.encoding === "bytes") return sample.bytes.length === 0 ? null : sample.bytes
  return sample.encoding === "avro" ? encode(sample.json) : Buffer.from(JSON.stringify(sample.json))
}

/** The example's Java program and Kafka's console producer; none where the machine has no Java. */
const publishFromJava = async (endToEnd: EndToEnd): Promise<ReadonlyArray<string>> => {
  const jars = await jarsOfKafka(endToEnd)
  if (jars === null) return []
  const environment = {
    KAFKA_BROKERS: testBrokers().join(","),
    TOPIC: `${endToEnd.prefix}raw-events`,
    KAFKA_JARS: jars
  }
  const producers = path.join(repository, "examples/producers")
  const texts = await Promise.all([
    execute("java", ["-cp", path.join(jars, "*"), path.join(producers, "java/PublishPurchase.java")], environment),
    execute("bash", [path.join(producers, "console/publish.sh")], environment)
  ])
  return texts.map((text) => {
    const id = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(text)?.[0]
    if (id === undefined) throw new Error(`The producer prints no event id: ${text}`)
    return id
  })
}

/** The folder of Kafka's jars, which the tests' broker runs from too; null without Java. */
export const jarsOfKafka = ({ folder }: EndToEnd): Promise<string | null> =>
  Effect.runPromise(
    Effect.gen(function* () {
      yield* requireJava(null)
      return yield* kafkaJars(yield* openState({ stateDirectory: folder }))
    }).pipe(Effect.orElseSucceed(() => null))
  )

/** Runs a command to its end and gives what it printed; fails where its exit code is not 0. */
export const execute = async (
  command: string,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {}
): Promise<string> => {
  const { exitCode, out, errors } = await runProcess(command, args, environment)
  if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}: ${out}${errors}`)
  return out + errors
}
