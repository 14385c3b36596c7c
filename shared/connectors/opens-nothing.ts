import * as Result from "effect/Result"
import type { OpenRecipient } from "./connector.ts"

/** For connectors whose events carry no sealed recipient, and for requests without events. */
export const opensNothing: OpenRecipient = () =>
  Result.fail({
    errorClass: "invalid_event",
    reasonCode: "recipient_unreadable",
    message: "This platform's events carry no sealed recipient."
  })
