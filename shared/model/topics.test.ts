import { assert, it } from "@effect/vitest"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { topicNames } from "./topics.ts"

it("names every declared topic, and no other", () => {
  const names = Object.values(topicNames).map((name) => (typeof name === "string" ? name : name("{platform}")))
  assert.sameMembers(
    names,
    topicTable.topics.map(({ name }) => name)
  )
})
