/** Parameter rules: values that the configuration sets in a payload's custom data. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { ParameterRule } from "../../connections/connection.ts"
import type { Json } from "../connector.ts"
import { compilePath } from "./paths.ts"
import type { Dropped, Mutable } from "./result.ts"
import { compileTemplate } from "./templates.ts"

export interface CompiledParameter {
  readonly name: string
  /** Undefined where the event has no such value. */
  readonly value: (event: NormalizedEvent) => Json | undefined
}

/** Compiles the rules in the order of their names, so that the order in the file changes no byte of a payload. */
export const compileParameters = (rules: Readonly<Record<string, ParameterRule>>): ReadonlyArray<CompiledParameter> =>
  Object.keys(rules)
    .filter((name) => name !== "__proto__")
    .sort()
    .map((name) => ({ name, value: compileRule(rules[name]!) }))

const compileRule = (rule: ParameterRule): CompiledParameter["value"] => {
  switch (rule._tag) {
    case "Constant":
      return () => rule.value
    case "From":
      return compilePath(rule.path)
    case "Template": {
      const render = compileTemplate(rule.template)
      return (event) => {
        const rendered = render(event)
        return rendered._tag === "Text" ? rendered.text : undefined
      }
    }
  }
}

/** Applies the rules to a payload's custom data; they win over what stands there. A rule without a value says so. */
export const applyParameters = (
  target: Mutable,
  parameters: ReadonlyArray<CompiledParameter>,
  event: NormalizedEvent,
  dropped: Array<Dropped>
): void => {
  for (const parameter of parameters) {
    const value = parameter.value(event)
    if (value === undefined) dropped.push({ field: `parameters.${parameter.name}`, reason: "no_value" })
    else target[parameter.name] = value
  }
}
