/**
 * What each platform must get of two events, field by field, written by hand from the platforms' documentation. Hashes
 * are made here by node's crypto of the text that the documentation says to hash: nothing of ours has a part in it.
 */
import { createHash } from "node:crypto"

const sha = (text: string): string => createHash("sha256").update(text).digest("hex")

const metaIdentity = {
  em: [sha("zoe.q.sample@gmail.com")],
  ph: [sha("14155550132")],
  fn: [sha("zoë")],
  ln: [sha("sample")],
  ge: [sha("f")],
  db: [sha("19900412")],
  ct: [sha("sanfrancisco")],
  st: [sha("ca")],
  zp: [sha("94103")],
  country: [sha("us")],
  external_id: [sha("u-77")],
  client_ip_address: "93.184.216.34",
  client_user_agent: "Mozilla/5.0"
}

const iso = (millis: number): string => new Date(millis).toISOString()

/** Platform → the body of the purchase. */
export const purchaseBodies = (now: number): Readonly<Record<string, object>> => {
  const seconds = Math.floor((now - 60_000) / 1000)
  return {
    meta: {
      event_name: "Purchase",
      event_time: seconds,
      event_id: "e2e-purchase",
      action_source: "website",
      event_source_url: "https://shop.example/thanks",
      user_data: { ...metaIdentity, fbc: "fb.1.1794518779885.IwAR1abc", fbp: "fb.1.1794518779885.1234567890" },
      custom_data: {
        value: 129.95,
        currency: "USD",
        order_id: "o-e2e-42",
        content_ids: ["sku-1", "sku-2"],
        contents: [
          { id: "sku-1", quantity: 2, item_price: 20 },
          { id: "sku-2", quantity: 1, item_price: 89.95 }
        ],
        content_type: "product",
        num_items: 3
      },
      data_processing_options: []
    },
    google: {
      transactionId: "o-e2e-42",
      eventTimestamp: iso(now - 60_000),
      eventSource: "WEB",
      conversionValue: 129.95,
      currency: "USD",
      adIdentifiers: { gclid: "Cj0KCQe2e" },
      userData: {
        userIdentifiers: [
          // Google alone takes the dots out of a gmail address.
          { emailAddress: sha("zoeqsample@gmail.com") },
          { phoneNumber: sha("+14155550132") },
          {
            address: {
              givenName: sha("zoë"),
              familyName: sha("sample"),
              regionCode: "US",
              postalCode: "94103-1234"
            }
          }
        ]
      },
      consent: { adUserData: "CONSENT_GRANTED", adPersonalization: "CONSENT_GRANTED" },
      eventDeviceInfo: { userAgent: "Mozilla/5.0", ipAddress: "93.184.216.34" },
      cartData: {
        items: [
          { merchantProductId: "sku-1", quantity: "2", unitPrice: 20 },
          { merchantProductId: "sku-2", quantity: "1", unitPrice: 89.95 }
        ]
      }
    },
    "google-ads": {
      conversionAction: "customers/1234567890/conversionActions/987654321",
      conversionDateTime: `${iso(seconds * 1000)
        .slice(0, 19)
        .replace("T", " ")}+00:00`,
      conversionValue: 129.95,
      currencyCode: "USD",
      orderId: "o-e2e-42",
      gclid: "Cj0KCQe2e",
      userIdentifiers: [{ hashedEmail: sha("zoeqsample@gmail.com") }, { hashedPhoneNumber: sha("+14155550132") }],
      consent: { adUserData: "GRANTED" },
      cartData: {
        items: [
          { productId: "sku-1", quantity: 2, unitPrice: 20 },
          { productId: "sku-2", quantity: 1, unitPrice: 89.95 }
        ]
      },
      conversionEnvironment: "WEB"
    },
    tiktok: {
      event: "CompletePayment",
      event_time: seconds,
      event_id: "e2e-purchase",
      limited_data_use: false,
      user: {
        email: [sha("zoe.q.sample@gmail.com")],
        phone: [sha("+14155550132")],
        external_id: [sha("u-77")],
        ttclid: "E.C.P.e2e",
        ttp: "ttp-e2e",
        ip: "93.184.216.34",
        user_agent: "Mozilla/5.0",
        first_name: sha("zoë"),
        last_name: sha("sample"),
        city: "sanfrancisco",
        state: "ca",
        country: "us",
        zip_code: sha("94103")
      },
      page: { url: "https://shop.example/thanks" },
      properties: {
        value: 129.95,
        currency: "USD",
        content_type: "product",
        content_ids: ["sku-1", "sku-2"],
        contents: [
          {
            content_id: "sku-1",
            content_name: "Socks",
            content_category: "Apparel",
            brand: "B",
            price: 20,
            quantity: 2
          },
          { content_id: "sku-2", content_name: "Jacket", price: 89.95, quantity: 1 }
        ],
        num_items: 3,
        order_id: "o-e2e-42"
      }
    },
    snapchat: {
      event_name: "PURCHASE",
      event_time: seconds,
      event_id: "e2e-purchase",
      action_source: "WEB",
      event_source_url: "https://shop.example/thanks",
      user_data: {
        ...metaIdentity,
        // Snap hashes the zip as it is, with its four further digits.
        zp: [sha("94103-1234")],
        sc_click_id: "3d6b1f0f-b724-3ec6-8bad-39af9aa496e9",
        sc_cookie1: "4d6b1f0f-b724-3ec6-8bad-39af9aa496e9"
      },
      custom_data: {
        value: 129.95,
        currency: "USD",
        content_ids: ["sku-1", "sku-2"],
        contents: [
          { id: "sku-1", quantity: "2", item_price: "20", brand: "B" },
          { id: "sku-2", quantity: "1", item_price: "89.95" }
        ],
        brands: ["B"],
        num_items: 3,
        order_id: "o-e2e-42"
      },
      data_processing_options: []
    },
    pinterest: {
      event_name: "checkout",
      event_time: seconds,
      event_id: "e2e-purchase",
      action_source: "web",
      event_source_url: "https://shop.example/thanks",
      opt_out: false,
      // Only digits of the zip; whether with the four further ones, the documentation does not say.
      user_data: metaIdentity,
      custom_data: {
        // Amounts are strings.
        value: "129.95",
        currency: "USD",
        content_ids: ["sku-1", "sku-2"],
        contents: [
          {
            id: "sku-1",
            item_name: "Socks",
            item_category: "Apparel",
            item_brand: "B",
            item_price: "20",
            quantity: 2
          },
          { id: "sku-2", item_name: "Jacket", item_price: "89.95", quantity: 1 }
        ],
        num_items: 3,
        order_id: "o-e2e-42"
      }
    },
    whatsapp: {
      messaging_product: "whatsapp",
      recipient_type: "individual",
      to: "+14155550132",
      type: "template",
      template: {
        name: "order_confirmation",
        language: { code: "en_US" },
        components: [
          {
            type: "body",
            parameters: [
              { type: "text", text: "o-e2e-42" },
              { type: "text", text: "129.95 USD" }
            ]
          }
        ]
      }
    }
  }
}

/** Platform → what the lead must say of the person, of consent and of the value. */
export const leadParts = {
  meta: {
    event_name: "Lead",
    opt_out: true,
    user_data: {
      em: [sha("juergen.m@example.de")],
      ph: [sha("4915123456789")],
      fn: [sha("jürgen")],
      ln: [sha("müllerlüdenscheidt")],
      ct: [sha("münchen")],
      st: [sha("bayern")],
      zp: [sha("80331")],
      country: [sha("de")],
      external_id: [sha("k-1"), sha("k-2")],
      client_ip_address: "93.184.216.35",
      client_user_agent: "Mozilla/5.0"
    },
    custom_data: { value: 25, currency: "EUR", content_name: "Newsletter" },
    data_processing_options: ["LDU"],
    data_processing_options_country: 0,
    data_processing_options_state: 0
  },
  google: {
    transactionId: "e2e-lead",
    conversionValue: 25,
    currency: "EUR",
    consent: { adUserData: "CONSENT_GRANTED", adPersonalization: "CONSENT_DENIED" },
    // Google asks for no IP addresses of the European Economic Area.
    eventDeviceInfo: { userAgent: "Mozilla/5.0" },
    userData: {
      userIdentifiers: [
        { emailAddress: sha("juergen.m@example.de") },
        { phoneNumber: sha("+4915123456789") },
        {
          address: {
            givenName: sha("jürgen"),
            familyName: sha("müller-lüdenscheidt"),
            regionCode: "DE",
            postalCode: "80331"
          }
        }
      ]
    }
  },
  tiktok: { event: "SubmitForm", limited_data_use: true, properties: { value: 25, currency: "EUR" } },
  snapchat: { event_name: "SIGN_UP", data_processing_options: ["LDU"] }
} as const
