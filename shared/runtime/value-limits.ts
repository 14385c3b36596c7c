/** How large a value may be on a declared topic: checked before it is written, since a partition can't pass one that is refused. */
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { platforms } from "../model/platform.ts"

/** Room for key, headers and framing of a record, and for what a later topic of the same size adds to its value. */
const marginBytes = 65_536

const limits: ReadonlyMap<string, number> = new Map(
  topicTable.topics.flatMap(({ name, max_message_bytes }) =>
    (name.includes("{platform}") ? platforms.map((platform) => name.replace("{platform}", platform)) : [name]).map(
      (topic) => [topic, max_message_bytes - marginBytes] as const
    )
  )
)

/** Bytes of the largest value for the topic (its logical name) as it is declared. */
export const valueBytesMax = (topic: string): number => limits.get(topic) ?? Number.POSITIVE_INFINITY
