/** The Cloud API's message: a template or a text to one recipient, whose number is plaintext. */
import {
  anything,
  boolean,
  type Check,
  isAbsent,
  listOf,
  nonEmpty,
  oneOf,
  type Problem,
  pattern,
  record
} from "../check.ts"
import { isObject, type JsonObject } from "../platform.ts"

const parameter = record(
  {
    type: oneOf("text", "currency", "date_time", "image", "document", "video", "payload", "coupon_code"),
    text: nonEmpty,
    parameter_name: nonEmpty,
    payload: nonEmpty,
    currency: anything,
    date_time: anything,
    image: anything,
    document: anything,
    video: anything,
    coupon_code: nonEmpty
  },
  { required: ["type"], extra: "reject" }
)

const component = record(
  {
    type: oneOf("header", "body", "button", "footer"),
    sub_type: nonEmpty,
    index: anything,
    parameters: listOf((value, path, warn) => parameter(value, path, warn) ?? textProblem(value as JsonObject, path))
  },
  { required: ["type"], extra: "reject" }
)

const textProblem = (value: JsonObject, path: string): Problem | null =>
  value.type === "text" && isAbsent(value, "text")
    ? { path: `${path}.text`, kind: "missing", message: "Missing required parameter" }
    : null

const fields: Check = record(
  {
    messaging_product: oneOf("whatsapp"),
    recipient_type: oneOf("individual"),
    to: pattern(/^\+?[1-9]\d{6,14}$/, "phone number with country code"),
    type: oneOf("template", "text"),
    template: record(
      {
        name: pattern(/^[a-z0-9_]{1,512}$/, "template name"),
        language: record(
          { code: pattern(/^[a-z]{2,3}(?:_[A-Z]{2})?$/, "language code"), policy: oneOf("deterministic") },
          { required: ["code"], extra: "reject" }
        ),
        components: listOf(component)
      },
      { required: ["name", "language"], extra: "reject" }
    ),
    text: record({ body: nonEmpty, preview_url: boolean }, { required: ["body"], extra: "reject" }),
    biz_opaque_callback_data: nonEmpty,
    context: anything
  },
  { required: ["messaging_product", "to"], extra: "warn" }
)

/** The first problem of a message. */
export const messageProblem = (message: JsonObject, warn: (text: string) => void): Problem | null => {
  const problem = fields(message, "", warn)
  if (problem !== null) return problem
  const type = String(message.type ?? "text")
  return isObject(message[type]) ? null : { path: type, kind: "missing", message: "Missing required parameter" }
}
