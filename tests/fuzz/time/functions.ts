/** The pure functions that take a text: those of whole folders, called with it in the place of each argument that may be one. */
import { readdirSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { PersonalData } from "../../../processors/normalizer/pii/personal-data.ts"
import { emptyRawUser } from "../../../schemas/values.gen.ts"
import type { TimeTarget } from "./measure.ts"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..")
const now = Date.UTC(2026, 10, 23)

/** The folders of pure functions that take texts: each function of theirs is tried, also one that comes later. */
const pureFolders = [
  "processors/normalizer/identity",
  "processors/normalizer/normalize",
  "processors/normalizer/pii",
  "processors/normalizer/read",
  "shared/telemetry",
  "shared/connectors/http",
  "shared/connectors/mapping",
  "infra/cli/mapping"
]
/** Beyond what any caller gives them: texts of producers are bounded by 8,192 characters before. */
const functionLengthMax = 1_048_576

/** What functions take behind the text, or before it. */
const nothing = (): void => undefined
const personal = new PersonalData({
  ...emptyRawUser,
  first_name: "Jane",
  last_name: "Doe",
  email: ["jane@shop.example"]
})
const argumentsOf = (text: string): ReadonlyArray<ReadonlyArray<unknown>> => [
  [text],
  [text, null],
  [text, "US"],
  [text, ["US", "DE"]],
  [text, now],
  [text, nothing],
  [text, personal],
  [text, personal, "names"],
  [text, 0, null, null],
  [text, new Set([text.slice(0, 8)])],
  [text, {}],
  [{ status: 200, headers: { "retry-after": text, date: text }, body: text }],
  ["field", text, nothing],
  ["user", text]
]

export const functionsOfTexts = async (): Promise<ReadonlyArray<TimeTarget>> => {
  const targets: Array<TimeTarget> = []
  for (const folder of pureFolders) {
    for (const file of readdirSync(path.join(root, folder))) {
      if (!file.endsWith(".ts") || /\.(test|bench|gen)\.ts$|^(?:fixture|testing)\.ts$/.test(file)) continue
      const module = (await import(path.join(root, folder, file))) as Readonly<Record<string, unknown>>
      for (const [name, exported] of Object.entries(module)) {
        if (typeof exported !== "function" || /^class\s/.test(Function.prototype.toString.call(exported))) continue
        if (takesNoText.has(name)) continue
        targets.push(
          ...targetsOf(`${folder}/${file} ${name}`, exported as (...args: ReadonlyArray<unknown>) => unknown)
        )
      }
    }
  }
  return targets
}

/** They take lists, groups, objects and options, which a text looks like. */
const takesNoText = new Set([
  "clickIdsByName",
  "isEmpty",
  "wordSet",
  "batchGroup",
  "compileParameters",
  "distinct",
  "cached",
  "orHash",
  "layerHttpTransport",
  "makeHttpTransport",
  "sharingTransport"
])

/** One target for each form of arguments that a function takes. */
const targetsOf = (name: string, call: (...args: ReadonlyArray<unknown>) => unknown): ReadonlyArray<TimeTarget> =>
  argumentsOf("probe").flatMap((probe, form) => {
    // Elsewhere a second argument is a list of candidates or of fields, which a text looks like.
    if (form > 1 && !name.startsWith("processors/")) return []
    if (call.length > probe.length || !isTaken(() => call(...probe))) return []
    return [
      {
        name: `${name} (${form})`,
        lengthMax: functionLengthMax,
        prepare: (text) => calling(call, argumentsOf(text)[form]!)
      }
    ]
  })

const calling = (call: (...args: ReadonlyArray<unknown>) => unknown, args: ReadonlyArray<unknown>) => (): void =>
  // What does not fit behind the text shows on some texts alone.
  void isTaken(() => call(...args))

const isTaken = (run: () => unknown): boolean => {
  try {
    run()
    return true
  } catch {
    return false
  }
}
