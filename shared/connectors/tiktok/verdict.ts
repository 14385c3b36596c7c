import type { SendableEvent } from "../../codec/codecs.ts"
import { classification, type Signal } from "../classification.ts"
import type { BatchVerdict, EventVerdict, HttpResponseSpec, JsonObject } from "../connector.ts"
import { bodyObject, safeText, textOf } from "../http/response.ts"
import { probeOf, rejectedBatch, uniformVerdict, verdictMetaOf } from "../verdicts.ts"
import table from "./classification.json" with { type: "json" }

/**
 * TikTok answers 200 even for failures; `code` in the body decides. A message such as `Batch.3.properties.value: Not a
 * valid number` names the bad events; nothing of the batch was taken. (TikTok Events API 2.0; return codes.)
 */
export const verdict = (response: HttpResponseSpec, events: ReadonlyArray<SendableEvent>): BatchVerdict => {
  const body = bodyObject(response)
  const signal = signalOf(response, body)
  const judged = tiktokClassification.classify(signal)
  const head = {
    ...verdictMetaOf(response, judged),
    requestId: textOf(body?.["request_id"]),
    eventsReceived: signal.code === "0" && judged.errorClass === "delivered" ? events.length : null,
    warnings: isPartial(signal) ? [safeText(`20001: ${signal.message ?? "partly taken"}`)] : []
  }
  if (judged.errorClass !== "invalid_event") return uniformVerdict(head, judged)
  return rejectedBatch(head, judged, culpritsOf(signal), events.length)
}

/** The missing data is what a probe is refused for. */
export const probeVerdict = (response: HttpResponseSpec): EventVerdict => {
  const signal = signalOf(response, bodyObject(response))
  const isAboutData = signal.code === "40061" || signal.path === "data"
  return probeOf(tiktokClassification.classify(isAboutData ? { ...signal, code: "40002", path: null } : signal))
}

export const tiktokClassification = classification(table)

const signalOf = (response: HttpResponseSpec, body: JsonObject | null): Signal => {
  const message = textOf(body?.["message"])
  return { status: response.status, code: textOf(body?.["code"]), message, path: pathOf(message) }
}

const isPartial = ({ code }: Signal): boolean => code === "20001"

// The field that a message names: `event_source_id: Missing data for required field.`
const pathOf = (message: string | null): string | null =>
  /^([A-Za-z_]+)(?:\.[\w.]*)?\s*:/.exec(message ?? "")?.[1] ?? null

const culpritsOf = (signal: Signal): ReadonlyMap<number, EventVerdict> => {
  const culprits = new Map<number, EventVerdict>()
  for (const [part, index] of (signal.message ?? "")
    .slice(0, messageMax)
    .matchAll(/\bBatch\.(\d{1,6})\b(?:(?!\bBatch\.\d)[^,;])*/g)) {
    const number = Number(index)
    if (!culprits.has(number)) culprits.set(number, tiktokClassification.classify({ ...signal, message: part }))
  }
  return culprits
}

// A message that names each of 1,000 events by a field fits.
const messageMax = 500_000
