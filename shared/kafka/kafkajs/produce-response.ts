/** The response of a produce request of version 12, which kafkajs does not have. */
import type { ResponseReader } from "./raw-request.ts"
import type { ProduceResponse } from "./refused-batches.ts"
import { failIf } from "./transaction-requests.ts"

/** The response (Kafka protocol, "Produce Response", version 12) in kafkajs's form. */
export const readProduceResponse = (response: ResponseReader) => {
  response.tagged()
  const topics: Array<{ readonly topicName: string; readonly partitions: Array<unknown> }> = []
  response.compactEach(() => {
    const topicName = response.compactText()
    const partitions: Array<unknown> = []
    response.compactEach(() => {
      partitions.push({
        partition: response.int32(),
        errorCode: response.int16(),
        baseOffset: String(response.int64()),
        logAppendTime: String(response.int64()),
        logStartOffset: String(response.int64())
      })
      response.compactEach(() => {
        response.int32()
        response.compactText()
        response.tagged()
      })
      response.compactText()
      response.tagged()
    })
    topics.push({ topicName, partitions })
    response.tagged()
  })
  return { topics, throttleTime: 0, clientSideThrottleTime: response.int32() }
}

/** As kafkajs's own: rejects with the first partition's error, if there is one. */
export const refuseErrors = async (decoded: unknown): Promise<unknown> => {
  const { topics } = decoded as ProduceResponse
  for (const { partitions } of topics) for (const { errorCode } of partitions) failIf(errorCode)
  return decoded
}
