/** One invented customer as a shop's backend would describe them: tidy, untidy, hashed or with several values. */
import { createHash } from "node:crypto"
import type { Json, JsonObject } from "../../infra/samples/sample-events.ts"
import { base62, type Choose, hexadecimal } from "./choose.ts"
import type { Country } from "./countries.ts"

const userAgents = [
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0"
]

/** Customers of these source kinds have a browser with its cookies and click ids. */
export const makeCustomer = (choose: Choose, country: Country, number: number, isBrowser: boolean): JsonObject => {
  const [first, last, gender] = choose.one(country.people)
  const [city, state, zip] = choose.one(country.places)
  const user: Record<string, Json> = {
    email: emailOf(choose, first, last, number),
    country: choose.one(country.names),
    external_id: choose.chance(0.1) ? [`u-${number}`, `crm-${number * 7}`] : `u-${number}`
  }
  if (choose.chance(0.75)) user.phone = phoneOf(choose, country)
  if (choose.chance(0.7)) Object.assign(user, { first_name: spoilt(choose, first), last_name: spoilt(choose, last) })
  if (choose.chance(0.6)) Object.assign(user, { city: spoilt(choose, city), state, zip })
  if (choose.chance(0.3)) user.date_of_birth = choose.one(["1990-04-12", "1984-11-30", "19751203", "2001-01-09"])
  if (choose.chance(0.3)) user.gender = choose.one(gender === "f" ? ["f", "female", "F"] : ["m", "male", "M"])
  if (choose.chance(0.5)) user.locale = country.locale
  return isBrowser ? { ...user, ...browserOf(choose) } : user
}

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex")

const emailOf = (choose: Choose, first: string, last: string, number: number): Json => {
  const plain = `${first}.${last}`
    .normalize("NFD")
    .replaceAll(/[^A-Za-z.]/g, "")
    .split(".")
    .filter((part) => part !== "")
    .join(".")
  const local = plain.length > 2 ? plain : "customer"
  const address = `${local}${number}@${choose.one(["example.com", "example.org", "example.net"])}`
  switch (choose.number(10)) {
    case 0:
      return hashOf(address.toLowerCase())
    case 1:
      return hashOf(address.toLowerCase()).toUpperCase()
    case 2:
      return [address, `${local}+orders${number}@shop.example`]
    case 3:
      return `  ${address.toUpperCase()} `
    default:
      return address
  }
}

const phoneOf = (choose: Choose, country: Country): Json => {
  const fill = (pattern: string) => pattern.replaceAll("#", () => String(choose.number(10)))
  switch (choose.number(8)) {
    case 0:
      return [fill(country.phones.international), fill(country.phones.international)]
    case 1:
    case 2:
    case 3:
      return fill(country.phones.national)
    default:
      return fill(country.phones.international)
  }
}

const spoilt = (choose: Choose, text: string): string =>
  choose.chance(0.15) ? ` ${text.toUpperCase()} ` : choose.chance(0.1) ? text.toLowerCase() : text

/** Cookies are dated at random in the weeks before a fixed day: only their form matters. */
const cookieTime = (choose: Choose) => 1_794_000_000_000 + choose.number(1_000_000_000)

const browserOf = (choose: Choose): JsonObject => {
  const browser: Record<string, Json> = {
    ip: choose.chance(0.2)
      ? `2606:2800:220:1:248:1893:25c8:${choose.characters(4, "123456789abcdef")}`
      : `93.184.216.${1 + choose.number(254)}`,
    user_agent: choose.one(userAgents)
  }
  if (choose.chance(0.6)) browser.fbp = `fb.1.${cookieTime(choose)}.${1_000_000_000 + choose.number(1_000_000_000)}`
  if (choose.chance(0.25)) browser.fbc = `fb.1.${cookieTime(choose)}.IwAR${choose.characters(40, base62)}`
  else if (choose.chance(0.2))
    Object.assign(browser, { fbclid: `IwAR${choose.characters(40, base62)}`, fbclid_time: cookieTime(choose) })
  const google = choose.number(10)
  if (google < 4) browser.gclid = `Cj0KCQ${choose.characters(40, base62)}`
  else if (google === 4) browser.gbraid = `0AAAAA${choose.characters(24, base62)}`
  else if (google === 5) browser.wbraid = `Cl4KCA${choose.characters(24, base62)}`
  if (choose.chance(0.3)) browser.ttclid = `E.C.P.${choose.characters(32, base62)}`
  if (choose.chance(0.4)) browser.ttp = `${choose.characters(26, base62)}`
  if (choose.chance(0.25)) browser.sc_click_id = uuid(choose)
  if (choose.chance(0.3)) browser.sc_cookie1 = uuid(choose)
  return browser
}

export const uuid = (choose: Choose): string =>
  [8, 4, 4, 4, 12].map((length) => choose.characters(length, hexadecimal)).join("-")
