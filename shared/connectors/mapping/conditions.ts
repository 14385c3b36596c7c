/** Conditions of a mapping override: tests on the event's properties. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { Condition } from "../../connections/connection.ts"
import type { Json } from "../connector.ts"
import { compilePath } from "./paths.ts"

export type Predicate = (event: NormalizedEvent) => boolean

/** True where every condition holds; none at all always holds. */
export const compileConditions = (conditions: ReadonlyArray<Condition>): Predicate => {
  const predicates = conditions.map(compileCondition)
  return (event) => {
    for (const holds of predicates) if (!holds(event)) return false
    return true
  }
}

const compileCondition = (condition: Condition): Predicate => {
  const read = compilePath(condition.path)
  const { op, value } = condition
  return (event) => test(read(event), op, value)
}

/** An absent value satisfies `missing`, `ne` and nothing else. Numbers compare as numbers, everything else only for equality. */
const test = (actual: Json | undefined, op: Condition["op"], expected: Json): boolean => {
  switch (op) {
    case "exists":
      return actual !== undefined
    case "missing":
      return actual === undefined
    case "eq":
      return actual === expected
    case "ne":
      return actual !== expected
    case "in":
      return actual !== undefined && Array.isArray(expected) && expected.includes(actual)
    case "gt":
      return typeof actual === "number" && typeof expected === "number" && actual > expected
    case "gte":
      return typeof actual === "number" && typeof expected === "number" && actual >= expected
    case "lt":
      return typeof actual === "number" && typeof expected === "number" && actual < expected
    case "lte":
      return typeof actual === "number" && typeof expected === "number" && actual <= expected
  }
}
