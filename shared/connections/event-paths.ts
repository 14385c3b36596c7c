/** Fields of an event that conditions, parameters and templates may name. */
import { suggestion } from "./did-you-mean.ts"
import { type Field, invalid, refine, string } from "./fields.ts"
import { anyOf, patternShape } from "./shape.ts"
import { quote } from "./yaml-tree.ts"

/** Fields that may be named; `properties.custom.<name>` besides. */
const readableFields: ReadonlyArray<string> = [
  ...["event_id", "event_name", "event_time", "action_source", "event_source_url", "referrer_url"],
  ...["messaging_channel", "page_id", "whatsapp_business_account_id", "ig_account_id"],
  ...["user.country_code", "user.locale", "user.lead_id", "user.subscription_id"],
  ...["consent.ad_user_data", "consent.ad_personalization", "consent.sale_of_data"],
  ...["app.app_id", "app.app_name", "app.app_version"],
  ...["properties.value", "properties.currency", "properties.order_id", "properties.items", "properties.num_items"],
  ...["properties.search_string", "properties.content_type", "properties.content_name", "properties.content_category"],
  ...["properties.sign_up_method", "properties.status", "properties.predicted_ltv", "properties.description"],
  ...["properties.shop_id", "properties.customer_type", "properties.delivery_category", "properties.coupon"],
  "properties.original_conversion_time"
]

const isReadable = (path: string): boolean =>
  readableFields.includes(path) ||
  /^properties\.custom\.[^.\s{}]+$/.test(path) ||
  /^properties\.items(\.\d+\.\w+)?$/.test(path)

const fieldForms = "event_name, action_source, properties.value, properties.custom.<name>, …"

const notAField = (path: string) =>
  invalid(`${quote(path)} is not a field of an event.${suggestion(path, readableFields)}`, fieldForms)

/** The path of a field. */
export const eventPath: Field<string> = refine(
  string("a field of the event, such as properties.value"),
  (path) => (isReadable(path) ? path : notAField(path)),
  () =>
    anyOf({ enum: readableFields }, patternShape("properties\\.custom\\.[^.\\s{}]+|properties\\.items\\.\\d+\\.\\w+"))
)

/** A string with fields in braces, such as `order {properties.order_id}`. */
export const template = (expected = "a string with {paths}"): Field<string> =>
  refine(string(expected), (text) => {
    const paths = [...text.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1]!.trim())
    const wrong = paths.find((path) => !isReadable(path))
    if (wrong !== undefined) return notAField(wrong)
    return /[{}]/.test(text.replaceAll(/\{[^{}]*\}/g, ""))
      ? invalid("A brace is not closed.", '"order {properties.order_id}"')
      : text
  })
