/** Names that the file of connections may use, from the event schema. */

export const actionSources = [
  ...(["website", "app", "email", "phone_call", "chat", "physical_store", "system_generated"] as const),
  ...(["business_messaging", "other"] as const)
]

/** Fields of an event that conditions, parameters and templates may read; `properties.custom.<name>` besides. */
export const readableFields: ReadonlyArray<string> = [
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

/** Whether a path leads to a field that may be read. */
export const isReadable = (path: string): boolean =>
  readableFields.includes(path) ||
  /^properties\.custom\.[^.\s{}]+$/.test(path) ||
  /^properties\.items(\.\d+\.\w+)?$/.test(path)

/** ISO 3166-1 alpha-2, the codes in use. */
export const isCountry = (code: string): boolean => countries.has(code)

const countries = new Set(
  (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
    "GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
    "KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT " +
    "MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
    "SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG " +
    "UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
  ).split(" ")
)
