import { assert, describe, it } from "@effect/vitest"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { platforms } from "./platform.ts"
import { programsWithRights, rightsOf } from "./rights.ts"

const namesOf = (program: string) =>
  new Set(rightsOf(program, "").flatMap(({ resource, name }) => (resource === "topic" ? [name] : [])))

describe("the rights of the programs", () => {
  it("are on each topic for the programs that topics.json has for it, and for no other", () => {
    for (const { name, programs } of topicTable.topics) {
      const topics = name.includes("{platform}") ? platforms.map((one) => name.replace("{platform}", one)) : [name]
      const expected = programs.flatMap((program) =>
        program === "delivery" ? platforms.map((platform) => `delivery-${platform}`) : [program]
      )
      const found = programsWithRights.filter((program) => topics.some((topic) => namesOf(program).has(topic)))
      assert.deepStrictEqual(found.sort(), [...new Set(expected)].sort(), name)
    }
  })

  it("of a delivery are on its platform's topics alone", () => {
    const names = namesOf("delivery-meta")
    assert.isTrue(names.has("mapped-events.meta"))
    assert.isFalse(names.has("mapped-events.google"))
    assert.isFalse(names.has("raw-events"))
  })

  it("have the prefix, and never more than it", () => {
    for (const program of programsWithRights)
      for (const { name } of rightsOf(program, "prod.")) assert.match(name, /^prod\../, program)
  })

  it("are none on the cluster", () => {
    for (const program of programsWithRights)
      assert.isFalse(rightsOf(program, "").some(({ resource }) => resource === "cluster"))
  })
})
