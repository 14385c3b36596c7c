/** Two events whose bodies at every platform are written out by hand in `expected-bodies.ts`. */

/** A customer of the USA with every identifier. */
export const purchaseOf = (now: number) => ({
  event_id: "e2e-purchase",
  event_name: "purchase",
  event_time: now - 60_000,
  action_source: "website",
  event_source_url: "https://shop.example/thanks",
  user: {
    email: " Zoe.Q.Sample@Gmail.com ",
    phone: "(415) 555-0132",
    first_name: "Zoë",
    last_name: "Sample",
    city: "San Francisco",
    state: "California",
    zip: "94103-1234",
    country: "US",
    external_id: "u-77",
    date_of_birth: "1990-04-12",
    gender: "female",
    ip: "93.184.216.34",
    user_agent: "Mozilla/5.0",
    fbp: "fb.1.1794518779885.1234567890",
    fbc: "fb.1.1794518779885.IwAR1abc",
    gclid: "Cj0KCQe2e",
    ttclid: "E.C.P.e2e",
    ttp: "ttp-e2e",
    sc_click_id: "3d6b1f0f-b724-3ec6-8bad-39af9aa496e9",
    sc_cookie1: "4d6b1f0f-b724-3ec6-8bad-39af9aa496e9"
  },
  consent: { ad_user_data: "granted", ad_personalization: "granted", sale_of_data: "granted" },
  properties: {
    value: 129.95,
    currency: "USD",
    order_id: "o-e2e-42",
    items: [
      { id: "sku-1", name: "Socks", category: "Apparel", brand: "B", quantity: 2, price: 20 },
      { id: "sku-2", name: "Jacket", quantity: 1, price: 89.95 }
    ],
    num_items: 3
  }
})

/** A customer of Germany who denied personalization and the sale of data. */
export const leadOf = (now: number) => ({
  event_id: "e2e-lead",
  event_name: "lead",
  event_time: now - 60_000,
  action_source: "website",
  event_source_url: "https://shop.example/kontakt",
  user: {
    email: "JUERGEN.M@example.de",
    phone: "0151 23456789",
    first_name: "Jürgen",
    last_name: "Müller-Lüdenscheidt",
    city: "München",
    state: "Bayern",
    zip: "80331",
    country: "Germany",
    external_id: ["k-1", "k-2"],
    ip: "93.184.216.35",
    user_agent: "Mozilla/5.0"
  },
  consent: { ad_user_data: "granted", ad_personalization: "denied", sale_of_data: "denied" },
  properties: { value: 25, currency: "eur", content_name: "Newsletter" }
})
