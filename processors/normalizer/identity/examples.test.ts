import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import { context, rawUser } from "./testing.ts"
import { sha256 } from "./text.ts"
import { normalizeUser } from "./user.ts"

/** Worked examples: what the platforms' and other projects' published code, or a platform's page, makes of a value. */
interface Example {
  readonly id: string
  readonly field: string
  readonly input: string
  readonly country_hint?: string
  readonly platform: "meta" | "google" | "tiktok" | "snap"
  readonly expected_plain?: string
  readonly expected_sha256?: string
  readonly expected_null?: boolean
  readonly hashed?: boolean
}

const examples: ReadonlyArray<Example> = readFileSync(new URL("identity-examples.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line))

/** The form of a field that a platform gets; the mapper's choice, repeated here. */
const formFor = (user: NormalizedUser, { field, platform }: Example): string | null => {
  const google = platform === "google"
  const snap = platform === "snap"
  switch (field) {
    case "email":
      return (google ? user.email_google : user.email)[0] ?? null
    case "phone":
      return user.phones[0]?.[google ? "e164" : platform === "tiktok" ? "tiktok" : "digits"] ?? null
    case "first_name":
      return google ? user.first_name_google : user.first_name
    case "last_name":
      return google ? user.last_name_google : user.last_name
    case "city":
      return platform === "tiktok" ? user.city_plain : snap ? user.city_snap : user.city
    case "state":
      return platform === "tiktok" ? user.state_plain : user.state
    case "zip":
      return google ? user.zip_plain : snap ? user.zip_snap : user.zip
    case "country":
      return google
        ? user.country_code
        : platform === "tiktok"
          ? (user.country_code?.toLowerCase() ?? null)
          : user.country
    case "gender":
      return user.gender
    case "date_of_birth":
      return user.date_of_birth
    default:
      return null
  }
}

describe("the worked examples", () => {
  for (const example of examples) {
    it(`${example.id}: ${example.field} for ${example.platform}`, () => {
      const raw = rawUser({
        [example.field]: example.input,
        ...(example.country_hint && { country: example.country_hint })
      })
      const form = formFor(normalizeUser(raw, context()), example)
      if (example.expected_null === true) assert.isNull(form)
      else if (example.hashed === false) assert.strictEqual(form, example.expected_plain)
      else {
        assert.strictEqual(form, example.expected_sha256?.toLowerCase())
        if (example.expected_plain !== undefined) assert.strictEqual(form, sha256(example.expected_plain))
      }
    })
  }
})
