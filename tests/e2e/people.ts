/** Known persons, in the events and in the broken records that name them, and a scan that must find none of them. */

/** A person who is in every place where personal data has no business to be. */
const user = {
  email: " Zebulonia.Quixworthy@Private-Mail.example ",
  phone: ["+1 (415) 555-0177", "415.555.0177"],
  first_name: "Zebulonia",
  last_name: "Quixworthy",
  date_of_birth: "1987-03-21",
  city: "Boston",
  state: "Massachusetts",
  zip: "02108",
  country: "US",
  external_id: "customer-of-the-privacy-test"
}

const eventOf = (id: string, now: number) => ({
  event_id: id,
  event_name: "purchase",
  event_time: now - 60_000,
  action_source: "website",
  event_source_url: "https://shop.example/thanks?email=zebulonia.quixworthy%40private-mail.example&tel=%2B14155550177",
  referrer_url: "https://shop.example/account/zebulonia.quixworthy@private-mail.example",
  user: { ...user, ip: "93.184.216.34", user_agent: "Mozilla/5.0" },
  consent: { ad_user_data: "granted", ad_personalization: "granted", sale_of_data: "granted" },
  properties: {
    value: 10,
    currency: "USD",
    order_id: `order-${id}`,
    search_string: "gift for Zebulonia Quixworthy",
    custom: { note: "call 415-555-0177 or mail zebulonia.quixworthy@private-mail.example", plan: "pro" }
  }
})

/** Good events and records that end in dead-letters, all full of the person; keyed by her email as some producers do. */
export const peopleRecords = (now: number): ReadonlyArray<{ readonly key: string; readonly value: Buffer }> => {
  const good = ["privacy-1", "privacy-2"].map((id) => JSON.stringify(eventOf(id, now)))
  const bad = [
    JSON.stringify({ ...eventOf("privacy-3", now), event_time: Math.floor(now / 1000) }),
    JSON.stringify({ ...eventOf("privacy-4", now), properties: { value: "Zebulonia Quixworthy", currency: "USD" } }),
    JSON.stringify({ ...eventOf("privacy-5", now), event_name: "" }),
    `${JSON.stringify(eventOf("privacy-6", now)).slice(0, -1)}, and then it breaks off`,
    "zebulonia.quixworthy@private-mail.example;+14155550177;Quixworthy;1987-03-21"
  ]
  return [...good, ...bad].map((text) => ({
    key: "zebulonia.quixworthy@private-mail.example",
    value: Buffer.from(text)
  }))
}

/** The person in every spelling that a program could let through, lower case. */
const spellings: ReadonlyArray<string> = [
  "zebulonia",
  "quixworthy",
  "private-mail",
  "4155550177",
  "555-0177",
  "555.0177",
  "1987-03-21",
  "19870321",
  ...["zebulonia.quixworthy@private-mail.example", "+14155550177", "14155550177"].map((text) =>
    Buffer.from(text).toString("base64").toLowerCase().replaceAll("=", "")
  )
]

/** Which of these a text holds: the person's spellings, and the secrets if they are given. */
export const findings = (text: string, secrets: ReadonlyArray<string> = []): ReadonlyArray<string> => {
  const lower = text.toLowerCase()
  return [
    ...spellings.filter((spelling) => lower.includes(spelling)),
    ...secrets.filter((secret) => text.includes(secret))
  ]
}
