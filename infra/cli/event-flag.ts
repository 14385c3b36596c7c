/** `--event`: commands that narrow their list to one event take its id as its producer has it. */
import { storedId } from "../../processors/normalizer/preview/stored-id.ts"
import { Flag } from "./cli.ts"

export const event = Flag.String("event").pipe(
  Flag.withDescription("Only the event of this id"),
  Flag.map(storedId),
  Flag.optional
)
