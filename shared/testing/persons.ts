/**
 * Generated persons of many countries, languages and scripts, and raw events that name them in every field of the schema: what no later topic,
 * log or metric may hold. The same index gives the same person.
 */
import { hash } from "node:crypto"
import { type CountryCode, getExampleNumber, type PhoneNumber } from "libphonenumber-js/max"
import examples from "libphonenumber-js/mobile/examples"
import { schemaJson } from "../codec/schemas.ts"

export interface Person {
  readonly index: number
  readonly country: string
  readonly first: string
  readonly last: string
  readonly email: string
  readonly phone: PhoneNumber
  readonly iban: string
  readonly card: string
}

/** A country with first names and the parts of last names of its language; the last names of persons differ. */
const languages: ReadonlyArray<readonly [CountryCode, ReadonlyArray<string>, ReadonlyArray<string>]> = [
  ["US", ["Wilhelmina", "Thaddeus"], ["Quixworthy", "Featherstone"]],
  ["GB", ["Philippa", "Alasdair"], ["Threlkeld", "Ravenscroft"]],
  ["DE", ["Jörg", "Annegret"], ["Oberländer", "Großkopf"]],
  ["FR", ["Chloé", "Anaïs"], ["Lefèvrebois", "Desrosières"]],
  ["ES", ["Íñigo", "Begoña"], ["Echeverría", "Zubizarreta"]],
  ["IT", ["Niccolò", "Ginevra"], ["Bevilacqua", "Scognamiglio"]],
  ["PT", ["João", "Conceição"], ["Guimarães", "Figueiredo"]],
  ["NL", ["Sjoerd", "Liesbeth"], ["Hoogendijk", "Terpstra"]],
  ["SE", ["Åke", "Ingegerd"], ["Söderström", "Bergqvist"]],
  ["PL", ["Łucja", "Zdzisław"], ["Wiśniewski", "Szczepańska"]],
  ["CZ", ["Jiří", "Květoslava"], ["Procházková", "Dvořáček"]],
  ["HU", ["Zsófia", "Győző"], ["Szentgyörgyi", "Kovácsházy"]],
  ["TR", ["Şükrü", "Gülçin"], ["Yıldırımoğlu", "Özçelik"]],
  ["RU", ["Аграфена", "Святослав"], ["Преображенский", "Вознесенская"]],
  ["UA", ["Соломія", "Ярослав"], ["Хмельницький", "Грушевська"]],
  ["GR", ["Αικατερίνη", "Θεόφιλος"], ["Παπαδόπουλος", "Αναγνωστάκη"]],
  ["BG", ["Десислава", "Красимир"], ["Станимирова", "Караджов"]],
  ["IL", ["אברהם", "שושנה"], ["גולדשטיין", "רוזנברגר"]],
  ["SA", ["عبدالرحمن", "فاطمة"], ["القحطاني", "الشمراني"]],
  ["IN", ["अनुराधा", "विक्रम"], ["चट्टोपाध्याय", "मुखर्जी"]],
  ["TH", ["สมชาย", "กัลยา"], ["ศรีสวัสดิ์", "พิพัฒน์กุล"]],
  ["JP", ["太郎丸", "花子美"], ["山田川", "佐々木原"]],
  ["CN", ["小龙飞", "美玲珑"], ["欧阳", "司马"]],
  ["KR", ["민준", "서연"], ["남궁", "선우"]],
  ["VN", ["Thùy Dương", "Hữu Phước"], ["Nguyễnvân", "Trầnhuỳnh"]],
  ["BR", ["Antônia", "Raimundo"], ["Albuquerque", "Cavalcanti"]]
]

const endings = ["a", "e", "i", "o"]

export const personOf = (index: number): Person => {
  const [country, firsts, lasts] = languages[index % languages.length]!
  const round = Math.floor(index / languages.length)
  const last = lasts[round % lasts.length]!
  // The ending makes it another name of the same script, where the script is Latin.
  const isLatin = /^\p{Script=Latin}+$/u.test(last)
  return {
    index,
    country,
    first: firsts[index % firsts.length]!,
    last: isLatin ? last + endings[round % endings.length] : last,
    email: `person.${hash("md5", `p${index}`).slice(0, 10)}@mail-${index}.example`,
    phone: getExampleNumber(country, examples)!,
    iban: ibanOf(index),
    card: cardOf(index)
  }
}

/** A German IBAN by its check digits. */
const ibanOf = (index: number): string => {
  const account = `37040044${String(532_013_000 + 7 * index).padStart(10, "0")}`
  const check = 98n - (BigInt(`${account}131400`) % 97n)
  return `DE${String(check).padStart(2, "0")}${account}`.replace(/(.{4})(?=.)/g, "$1 ")
}

/** A Visa number by Luhn's check digit, in groups. */
const cardOf = (index: number): string => {
  const body = `4${String(111_111_111_111 + 13 * index).padStart(14, "0")}`
  const sum = [...body].reduce((total, digit, at) => {
    const value = at % 2 === 0 ? Number(digit) * 2 : Number(digit)
    return total + (value > 9 ? value - 9 : value)
  }, 0)
  return `${body}${(10 - (sum % 10)) % 10}`.replace(/(.{4})(?=.)/g, "$1 ")
}

/** Ways in which a person stands in a text, by name. An id has no spaces, and no national number. */
export const kinds = ["email", "phone", "name", "base64", "md5", "iban", "card", "national"] as const
export type Kind = (typeof kinds)[number]

export const spellingOf = (person: Person, kind: Kind): string => {
  const { email, first, last, phone } = person
  if (kind === "email") return email
  if (kind === "phone") return phone.formatInternational()
  if (kind === "national") return `${phone.formatNational()}`
  if (kind === "name") return `${first} ${last}`
  if (kind === "base64") return Buffer.from(email).toString("base64")
  return kind === "md5" ? hash("md5", email) : person[kind]
}

/** What of a person no text may contain, compared in lower case and without spaces. */
export const tracesOf = (person: Person): ReadonlyArray<string> => {
  const { email, first, last, phone } = person
  const parts = [email, email.slice(0, email.indexOf("@")), first + last, last + first, person.iban, person.card]
  return [
    ...parts,
    Buffer.from(email).toString("base64").replace(/=+$/, ""),
    hash("md5", email),
    phone.nationalNumber
  ].map(bare)
}

/** As `tracesOf` compares: without what spellings put between the parts. */
export const bare = (text: string): string =>
  text
    .normalize("NFC")
    .toLowerCase()
    .replace(/[ ().\-_+/]/g, "")

/** Fields whose grammar leaves no room for a person, and tokens that a platform gave, which are sent as they are (docs/identity.md). */
const notPlanted = new Set(
  (
    "event_id event_time user.phone user.ip user.fbp user.fbc user.fbclid user.fbclid_time user.gclid user.gbraid user.wbraid user.dclid user.ttclid " +
    "user.sc_click_id user.ctwa_clid user.madid user.click_ids consent_signals.gdpr_applies"
  ).split(" ")
)
const ids = /(?:_id|_cookie1|ttp|\.id)$/

type AvroType =
  | string
  | ReadonlyArray<AvroType>
  | { readonly type: string; readonly fields?: ReadonlyArray<Field>; readonly items?: AvroType }
interface Field {
  readonly name: string
  readonly type: AvroType
}

/** A raw event with the person where it belongs, and by one kind of spelling in every other field that takes a text. */
export const eventOf = (person: Person, kind: Kind, now: number): Readonly<Record<string, unknown>> => {
  const spelling = spellingOf(person, kind)
  const inId = kind === "national" ? spellingOf(person, "phone") : spelling
  const identity = {
    email: person.email,
    // Of half of the persons the number is not known; in a national form without it not every country's is recognized (docs/identity.md).
    ...(person.index % 2 === 0 || kind === "national" ? { phone: person.phone.number } : {}),
    first_name: person.first,
    last_name: person.last,
    country: person.country,
    date_of_birth: `19${String(60 + (person.index % 40))}-07-29`,
    external_id: `u-${person.index}`
  }
  const textAt = (path: string): unknown => {
    if (path in overrides) return overrides[path]
    return ids.test(path) ? inId.replaceAll(" ", kind === "phone" || kind === "national" ? "" : "-") : `x ${spelling} y`
  }
  const overrides: Readonly<Record<string, unknown>> = {
    event_name: "lead",
    event_source_url: `https://shop.example/p/${encodeURIComponent(spelling)}?q=${encodeURIComponent(spelling)}&n=1#${encodeURIComponent(spelling)}`,
    referrer_url: `https://shop.example/?name=${encodeURIComponent(encodeURIComponent(spelling))}`,
    action_source: "website",
    consent: { ad_user_data: "granted", ad_personalization: "granted" },
    // What cannot be read there is a denial, and then nothing is sent.
    ...(person.index % 10 === 0 ? {} : { consent_signals: undefined }),
    "properties.value": 10,
    "properties.currency": "EUR",
    "properties.custom": {
      note: `call ${spelling}`,
      [spelling]: 1,
      Vorname: person.first,
      receiver: `${person.first} ${person.last}`,
      deep: { street: "Somewhere 5", list: [spelling] },
      plan: "pro"
    },
    "app.extinfo": ["a2", spelling]
  }
  const build = (type: AvroType, path: string): unknown => {
    if (path in overrides) return overrides[path]
    if (Array.isArray(type)) return build((type as ReadonlyArray<AvroType>).find((branch) => branch !== "null")!, path)
    if (type === "string") return textAt(path)
    if (typeof type !== "object") return undefined
    const group = type as Exclude<AvroType, string | ReadonlyArray<AvroType>>
    if (group.type === "array") return group.items === "string" ? [textAt(path)] : [build(group.items!, path)]
    if (group.type !== "record") return undefined
    return Object.fromEntries(
      group.fields!.flatMap((field) => {
        const at = path === "" ? field.name : `${path}.${field.name}`
        const own = at.startsWith("user.") ? identity[field.name as keyof typeof identity] : undefined
        if (own === undefined && notPlanted.has(at)) return []
        const value = own ?? build(field.type, at)
        return value === undefined ? [] : [[field.name, value]]
      })
    )
  }
  const event = build(JSON.parse(schemaJson["raw-event"]) as AvroType, "") as Readonly<Record<string, unknown>>
  return { ...event, event_id: `person-${person.index}-${kind}`, event_time: now }
}
