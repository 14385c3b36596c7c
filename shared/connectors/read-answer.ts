/** What an answer says of each event: by the platform's own form, else by HTTP. */
import type { SendableEvent } from "../codec/codecs.ts"
import type { Connection } from "../connections/connection.ts"
import type { BatchVerdict, Connector, EventVerdict, HttpResponseSpec } from "./connector.ts"
import { rejectedBatch } from "./verdicts.ts"

/**
 * What the platform says of each event of a request. Where that is not understood, and HTTP itself says that the request is too
 * large for the platform or for a proxy before it, parts of it may go through, and one event that is too large alone never does.
 */
export const readAnswer = (
  { verdict }: Pick<Connector, "verdict">,
  { testEventCode }: Pick<Connection, "testEventCode">,
  response: HttpResponseSpec,
  events: ReadonlyArray<SendableEvent>
): BatchVerdict => {
  const read = verdict(response, events, testEventCode !== null)
  if (response.status !== 413 || read._tag !== "All" || read.verdict.errorClass !== "unknown") return read
  const { verdict: _, ...meta } = read
  return rejectedBatch(meta, tooLarge, new Map(), events.length)
}

const tooLarge: EventVerdict = {
  errorClass: "invalid_event",
  reasonCode: "payload_too_large",
  message: "The platform, or a proxy before it, does not take a request of this size (HTTP 413).",
  nextStep: "Shorten the event's custom properties or items and redrive it."
}
