/** The fields of a raw event, from its schema, and which of them a producer most likely meant by an unknown name. */

import { schemaJson } from "../../../shared/codec/schemas.ts"
import { didYouMean } from "../../../shared/connections/did-you-mean.ts"
import { memo } from "../../../shared/model/memo.ts"
import { namedClickIds } from "../identity/click-ids.ts"

/** The records of a raw event, by the path that leads to their fields. */
export type Level = "" | "user." | "consent." | "consent_signals." | "app." | "properties." | "properties.items[]."

interface AvroRecord {
  readonly type: "record"
  readonly fields: ReadonlyArray<{ readonly name: string; readonly type: AvroType }>
}
type AvroType =
  | string
  | ReadonlyArray<AvroType>
  | AvroRecord
  | { readonly type: "array"; readonly items: AvroType }
  | { readonly type: "map"; readonly values: AvroType }

const known = new Map<string, ReadonlySet<string>>()

const collect = (type: AvroType, path: string): void => {
  if (typeof type === "string") return
  if (Array.isArray(type)) {
    for (const branch of type as ReadonlyArray<AvroType>) collect(branch, path)
    return
  }
  const group = type as Exclude<AvroType, string | ReadonlyArray<AvroType>>
  if (group.type === "array") collect(group.items, `${path.slice(0, -1)}[].`)
  if (group.type !== "record") return
  known.set(path, new Set(group.fields.map(({ name }) => name)))
  for (const field of group.fields) collect(field.type, `${path}${field.name}.`)
}
collect(JSON.parse(schemaJson["raw-event"]) as AvroType, "")

export const knownFields = (level: Level): ReadonlySet<string> => known.get(level)!

/** The path of the known field that a name in a record of the event most likely means; null where none is near. */
export const nearestField = (level: Level, name: string): string | null => nearest(`${level}|${name.slice(0, 64)}`)

const nearest = memo(1_024, (key: string): string | null => {
  const bar = key.indexOf("|")
  const [level, name] = [key.slice(0, bar) as Level, key.slice(bar + 1)]
  const folded = fold(name)
  const beside = [...knownFields(level)]
  const same = beside.find((field) => fold(field) === folded)
  if (same !== undefined) return level + same
  const usual = usualNames.get(folded)
  if (usual?.startsWith(level) === true) return usual
  // The right name in the wrong record: `value` belongs to the properties.
  const elsewhere = paths.find((path) => fold(nameOf(path)) === folded)
  if (elsewhere !== undefined) return elsewhere
  const meant = notMeant.has(folded) ? null : didYouMean(name, beside)
  return meant === null ? (usual ?? null) : level + meant
})

/** Words of other systems that are near one of ours by chance. */
const notMeant = new Set(["context", "content", "traits"])

/** A field's name without case and separators, by which misspelt ones are compared. */
export const fold = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "")
const nameOf = (path: string): string => path.slice(path.lastIndexOf(".") + 1)
const paths: ReadonlyArray<string> = [...known].flatMap(([level, names]) => [...names].map((name) => level + name))

/** What other systems call our fields, folded; a test holds the paths against the schema. */
export const usualNames: ReadonlyMap<string, string> = new Map(
  Object.entries({
    event_id: "id",
    event_name: "event name eventtype",
    event_time: "time timestamp ts",
    event_source_url: "url pageurl sourceurl",
    referrer_url: "referrer referer",
    user: "userdata customer",
    properties: "customdata props",
    "user.email": "em mail emailaddress",
    "user.phone": "ph phonenumber mobile telephone tel",
    "user.first_name": "fn givenname forename",
    "user.last_name": "ln surname familyname",
    "user.city": "ct town",
    "user.state": "st region province",
    "user.zip": "zp zipcode postalcode postcode",
    "user.country": "countrycode",
    "user.external_id": "userid customerid uid",
    "user.date_of_birth": "db dob birthday birthdate",
    "user.gender": "ge sex",
    "user.ip": "clientipaddress ipaddress remoteaddr",
    "user.user_agent": "clientuseragent ua",
    "user.madid": "idfa gaid advertisingid",
    "user.click_ids": [...namedClickIds].join(" "),
    "properties.items": "contents products lineitems",
    "properties.items[].id": "sku productid contentid itemid",
    "properties.items[].name": "title productname itemname",
    "properties.items[].price": "itemprice unitprice",
    "properties.items[].quantity": "qty"
  }).flatMap(([path, names]) => names.split(" ").map((name) => [name, path] as const))
)
