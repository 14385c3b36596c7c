/** Groups messages by partition. kafkajs copies the list of a partition for each message that it adds, and the result object too. */

interface Grouping<Message> {
  readonly topic: string
  readonly partitionMetadata: ReadonlyArray<unknown>
  readonly messages: ReadonlyArray<Message>
  /** Must not keep its argument, which is one object for all messages. */
  readonly partitioner: (of: {
    readonly topic: string
    readonly partitionMetadata: ReadonlyArray<unknown>
    readonly message: Message
  }) => number
}

export const groupMessagesPerPartition = <Message>({
  messages,
  partitioner,
  ...of
}: Grouping<Message>): Record<number, Array<Message>> => {
  const groups: Record<number, Array<Message>> = {}
  if (of.partitionMetadata.length === 0) return groups
  const argument = { ...of, message: messages[0] as Message }
  for (const message of messages) {
    argument.message = message
    const partition = partitioner(argument)
    const group = groups[partition]
    if (group === undefined) groups[partition] = [message]
    else group.push(message)
  }
  return groups
}
