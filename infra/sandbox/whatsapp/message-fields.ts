/** The Cloud API's message: a template or a text to one recipient, whose number is plaintext. */
import {
  anything,
  boolean,
  type Check,
  either,
  integer,
  isAbsent,
  listOf,
  nonEmpty,
  oneOf,
  type Problem,
  pattern,
  record
} from "../check.ts"
import { isObject, type JsonObject } from "../platform.ts"

const missing = (path: string): Problem => ({ path, kind: "missing", message: "Missing required parameter" })
const link = pattern(/^https?:\/\/[^\s/]\S*$/i, "URL")
const mediaId = pattern(/^\d+$/, "media id")

/** Media are fetched from a link, or were uploaded before and have an id. */
const media = (keys: ReadonlyArray<string>): Check => {
  const known = { link, id: mediaId, ...(keys.includes("filename") ? { filename: nonEmpty } : {}) }
  const check = record(known, { extra: "reject" })
  return (value, path, warn) => {
    const problem = check(value, path, warn)
    if (problem !== null) return problem
    const object = value as JsonObject
    return isAbsent(object, "link") === isAbsent(object, "id") ? missing(`${path}.link`) : null
  }
}

const parameter = record(
  {
    type: oneOf("text", "currency", "date_time", "image", "document", "video", "payload", "coupon_code"),
    text: nonEmpty,
    parameter_name: pattern(/^[a-z][a-z0-9_]*$/, "parameter name"),
    payload: nonEmpty,
    currency: anything,
    date_time: anything,
    image: media([]),
    document: media(["filename"]),
    video: media([]),
    coupon_code: nonEmpty
  },
  { required: ["type"], extra: "reject" }
)

const component = record(
  {
    type: oneOf("header", "body", "button", "footer"),
    sub_type: oneOf("url", "quick_reply", "copy_code", "flow", "catalog"),
    index: either(integer, pattern(/^\d$/, "index of a button, 0 to 9")),
    parameters: listOf((value, path, warn) => parameter(value, path, warn) ?? valueProblem(value as JsonObject, path))
  },
  { required: ["type"], extra: "reject" }
)

/** A parameter holds the value of its type. */
const valueProblem = (value: JsonObject, path: string): Problem | null => {
  const type = String(value.type)
  return isAbsent(value, type) ? missing(`${path}.${type}`) : null
}

/** What each kind of component may hold, and that names stand at all parameters of a template or at none. */
const componentsProblem = (components: ReadonlyArray<JsonObject>): Problem | null => {
  let [named, texts] = [0, 0]
  for (const [index, each] of components.entries()) {
    const path = `template.components[${index}]`
    const parameters = (each.parameters ?? []) as ReadonlyArray<JsonObject>
    const wrong = (message: string): Problem => ({ path, kind: "count", message, reason: "132012" })
    if (each.type === "header" && parameters.length > 1) return wrong("A header has one parameter")
    if (each.type === "body" && parameters.some(({ type }) => mediaTypes.has(String(type))))
      return wrong("The body has no media")
    if (each.type === "button") {
      if (isAbsent(each, "sub_type")) return missing(`${path}.sub_type`)
      if (isAbsent(each, "index")) return missing(`${path}.index`)
      if (each.sub_type === "url" && (parameters.length !== 1 || parameters[0]?.type !== "text"))
        return wrong("A URL button has one text")
      continue
    }
    for (const each of parameters.filter(({ type }) => type === "text")) {
      texts += 1
      if (!isAbsent(each, "parameter_name")) named += 1
    }
  }
  return named === 0 || named === texts
    ? null
    : { path: "template.components", kind: "format", message: "Named and positional parameters", reason: "132012" }
}

const mediaTypes: ReadonlySet<string> = new Set(["image", "document", "video"])

const fields: Check = record(
  {
    messaging_product: oneOf("whatsapp"),
    recipient_type: oneOf("individual"),
    to: pattern(/^\+?[1-9]\d{6,14}$/, "phone number with country code"),
    recipient: pattern(/^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/, "business-scoped user id"),
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
  { required: ["messaging_product"], extra: "warn" }
)

/** The first problem of a message. */
export const messageProblem = (message: JsonObject, warn: (text: string) => void): Problem | null => {
  const problem = fields(message, "", warn)
  if (problem !== null) return problem
  if (isAbsent(message, "to") && isAbsent(message, "recipient")) return missing("to")
  const type = String(message.type ?? "text")
  const content = message[type]
  if (!isObject(content)) return missing(type)
  return Array.isArray(content.components) ? componentsProblem(content.components as ReadonlyArray<JsonObject>) : null
}
