import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import synonyms from "../../../schemas/catalog/synonyms.json" with { type: "json" }
import { canonicalEvents } from "../../../shared/connectors/mapping/catalog.ts"
import { platforms } from "../../../shared/model/platform.ts"
import { distance, wordsOf } from "./similarity.ts"
import { rankPlatformEvents, type SuggestInput, suggestMappings } from "./suggest.ts"

const input = (sourceEvent: string, properties: ReadonlyArray<string> = []): SuggestInput => ({
  sourceEvent,
  properties,
  names: "specification"
})
const best = (name: string) => suggestMappings(input(name))[0]?.canonicalEvent ?? null

describe("the suggester", () => {
  it("knows events in other languages, spellings and orders", () => {
    const expected: Readonly<Record<string, string | null>> = {
      achat: "purchase",
      "kauf abgeschlossen": "purchase",
      KaufAbgeschlossen: "purchase",
      kauf_abgeschlossen: "purchase",
      "Order Completed": "purchase",
      purchse: "purchase",
      購入完了: "purchase",
      "Product Added To Cart": "add_to_cart",
      addtocart: "add_to_cart",
      ajout_au_panier: "add_to_cart",
      warenkorb_hinzugefuegt: "add_to_cart",
      "checkout-started": "begin_checkout",
      "user.registered": "sign_up",
      viewedProduct: "view_item",
      "Termin gebucht": "schedule",
      formSubmit: "lead",
      gave_up: null,
      "": null
    }
    for (const [name, event] of Object.entries(expected)) assert.strictEqual(best(name), event, name)
  })

  it("gives each platform's name, a confidence and a reason", () => {
    const [mapping] = suggestMappings(input("achat", ["totalAmount", "orderNumber", "colour"]))
    assert.deepInclude(mapping?.platformEvents, { meta: "Purchase", google: "purchase", tiktok: "CompletePayment" })
    assert.sameMembers(Object.keys(mapping?.platformEvents ?? {}), [...platforms])
    assert.deepInclude(mapping, {
      sourceEvent: "achat",
      canonicalEvent: "purchase",
      parameters: [
        { name: "value", from: "properties.custom.totalAmount" },
        { name: "order_id", from: "properties.custom.orderNumber" }
      ],
      confidence: 1,
      reason: 'is another way to say purchase ("achat")'
    })
  })

  it("ranks a platform's standard events, the platform's names among them", () => {
    const ranked = (name: string) => rankPlatformEvents(name, "tiktok", "tiktok", "current")[0]?.platformEvent
    assert.strictEqual(ranked("achat"), "Purchase")
    assert.strictEqual(ranked("application_approval"), "ApplicationApproval")
    assert.strictEqual(
      rankPlatformEvents("spent credits", "snapchat", "snapchat", "specification")[0]?.platformEvent,
      "SPENT_CREDITS"
    )
  })

  it("has synonyms for every canonical event, and for nothing else", () => {
    assert.deepStrictEqual(Object.keys(synonyms.events).sort(), [...canonicalEvents].sort())
  })

  it("is total, keeps confidence within 0 and 1, and ranks downwards", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (name) => {
        const scores = suggestMappings(input(name)).map(({ confidence }) => confidence)
        assert.isTrue(scores.every((score, index) => score >= 0 && score <= (scores[index - 1] ?? 1)))
      }),
      { numRuns: 30 }
    )
  })
})

describe("words and distances", () => {
  it("part names where their spelling does", () => {
    assert.deepStrictEqual(wordsOf("GA4_userSignedUpHTTPForm2"), ["signed", "up", "http", "form2"])
    assert.deepStrictEqual(wordsOf("Début-de.commande"), ["debut", "commande"])
  })

  it("count edits, neighbours exchanged as one", () => {
    assert.strictEqual(distance("purchase", "purchsae", 2), 1)
    assert.strictEqual(distance("kitten", "sitting", 3), 3)
    assert.strictEqual(distance("abc", "xyzzy", 1), 2)
  })
})
