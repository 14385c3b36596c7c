import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { goldenFiles, goldenFolder } from "./golden-files.ts"

const files = goldenFiles()

describe("golden files", () => {
  it("say what every kind gets of every canonical event; `npm run golden` rewrites them for review", () => {
    for (const [name, content] of files) {
      assert.strictEqual(readFileSync(new URL(name, goldenFolder), "utf8"), content, name)
    }
  })

  it("hold no file that no mapping makes any more", () => {
    const found = readdirSync(goldenFolder, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".json")
    )
    assert.deepStrictEqual(found.map((name) => name.replaceAll("\\", "/")).sort(), [...files.keys()].sort())
  })

  it("hold the customer's plaintext nowhere but in a message's recipient", () => {
    const plaintext = /jane|doe|anna|neil|1990|555|example\.com/i
    for (const [name, content] of files) {
      const visible = content.replaceAll("shop.example", "").replace(/"to": "\+\d+"/, "")
      assert.notMatch(visible, plaintext, name)
    }
  })
})
