/** Who takes part in an erasure run, and what may not be found of the one who is erased. Pure. */
import { hash } from "node:crypto"

export interface PersonInRun {
  readonly name: string
  readonly email: string
  readonly phone: string
  readonly externalId: string
  /** Of no other person, to be found in bytes. */
  readonly lastName: string
}

const person = (name: string, number: number): PersonInRun => ({
  name,
  email: `${name}.of.the.erasure.run@shop.example`,
  phone: `+4915112${String(number).padStart(6, "0")}`,
  externalId: `customer-${name}-${number}`,
  lastName: `Zz${name}mannstein`
})

/** Asks to be erased. */
export const jane = person("janetta", 345_678)
/** Withdraws consent. */
export const bob = person("bobrick", 445_679)
/** Asks for nothing: what is his stays. */
export const joe = person("joachim", 545_680)
export const people: ReadonlyArray<PersonInRun> = [jane, bob, joe]

/** A purchase that every platform takes. The event id says nothing of the person. */
export const purchaseOf = ({ email, phone, externalId, lastName }: PersonInRun, eventId: string, now: number) => ({
  event_id: eventId,
  event_name: "purchase",
  event_time: now,
  action_source: "website",
  event_source_url: `https://shop.example/thanks/${eventId}`,
  user: {
    email: ` ${email.toUpperCase()} `,
    phone,
    external_id: externalId,
    last_name: lastName,
    country: "DE",
    ip: "203.0.113.7",
    user_agent: "Mozilla/5.0 (X11; Linux x86_64)"
  },
  consent: { ad_user_data: "granted", ad_personalization: "granted" },
  properties: { value: 20, currency: "EUR", order_id: eventId, items: [{ id: "sku-1", quantity: 1, price: 20 }] }
})

export interface Trace {
  /** What it is, without the value. */
  readonly what: string
  readonly bytes: Buffer
}

/** The person in clear, and as SHA-256 of each form that a platform takes: as text of hexadecimal digits or base64, and as bytes. */
export const tracesOf = ({ email, phone, externalId, lastName }: PersonInRun): ReadonlyArray<Trace> => {
  const plain = { email, phone, digits: phone.slice(1), external_id: externalId, last_name: lastName }
  const hashed = { ...plain, last_name: lastName.toLowerCase() }
  return [
    ...Object.entries({ ...plain, upper_email: email.toUpperCase() }).map(([what, text]) => ({
      what: `${what} in clear`,
      bytes: Buffer.from(text)
    })),
    ...Object.entries(hashed).flatMap(([what, text]) => {
      const digest = Buffer.from(hash("sha256", text, "hex"), "hex")
      return [
        { what: `SHA-256 of ${what}`, bytes: digest },
        { what: `SHA-256 of ${what} in hex`, bytes: Buffer.from(digest.toString("hex")) },
        { what: `SHA-256 of ${what} in base64`, bytes: Buffer.from(digest.toString("base64").slice(0, 42)) }
      ]
    })
  ]
}
