/** What the run's checks read back: results by position, bytes, and an offset reset by Kafka's own tool. */
import { assert } from "@effect/vitest"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { testBrokers } from "../harness/test-services.ts"
import type { EndToEnd } from "./end-to-end.ts"
import { execute, jarsOfKafka } from "./producers.ts"

/** True if the machine has Java, whose Kafka tool then did it. */
export const resetByKafkasTool = async (endToEnd: EndToEnd, group: string, topic: string): Promise<boolean> => {
  const jars = await jarsOfKafka(endToEnd)
  if (jars === null) return false
  const text = await execute("java", [
    ...["-cp", `${jars}/*`, "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"],
    ...["--bootstrap-server", testBrokers().join(","), "--group", endToEnd.prefix + group],
    ...["--topic", endToEnd.prefix + topic, "--reset-offsets", "--to-earliest", "--execute"]
  ])
  assert.include(text, endToEnd.prefix + topic)
  return true
}

/** Position → connection → its final result. */
export const resultsByPosition = (logs: ReadonlyArray<EventDeliveryLog>) => {
  const found = new Map<string, Map<string, EventDeliveryLog>>()
  for (const log of logs) {
    if (log.source === null || log.outcome === "retry_scheduled") continue
    const position = `${log.source.partition}:${log.source.offset}`
    const own = found.get(position) ?? new Map<string, EventDeliveryLog>()
    found.set(position, own)
    if (log.outcome !== "accepted" || !own.has(log.connection_id)) own.set(log.connection_id, log)
  }
  return found
}

export const sameBytes = (left: Buffer | null, right: Buffer | null): boolean =>
  left === null || right === null ? left === right : left.equals(right)
