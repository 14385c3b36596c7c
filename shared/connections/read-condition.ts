/** Reads a condition of an override: a path, an operator, a value. */

import { checkPath } from "./check-path.ts"
import type { Condition } from "./connection.ts"
import type { Section } from "./section.ts"

const operators = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "exists", "missing"] as const

export const readCondition = (section: Section): Condition | null => {
  const path = section.required("path", "a field of the event, such as properties.value")
  const op = section.choice("op", operators, "eq")
  const given = section.find("value")
  const value = given === null ? null : section.reader.json(given)
  section.finish()
  if (path === null) return null
  checkPath(section, section.find("path")!, path)
  const at = given ?? section.at
  if (op === "exists" || op === "missing") {
    if (given !== null) section.reader.error(at, `The operator ${op} takes no value.`)
  } else if (given === null) {
    section.reader.error(section.at, `The operator ${op} needs a value.`, "value: …")
  } else if (op === "in") {
    if (!Array.isArray(value)) section.reader.error(at, "The operator in needs a list.", "value: [a, b]")
  } else if (op !== "eq" && op !== "ne" && typeof value !== "number") {
    section.reader.error(at, `The operator ${op} compares numbers.`, "a number, not in quotes")
  }
  return { path, op, value }
}
