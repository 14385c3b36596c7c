/** Reads which dead letters a request means. What is not understood is refused: left out, it would mean more of them. Pure. */
import * as Effect from "effect/Effect"
import type { RedriveSelection } from "../api.ts"
import { type Body, invalid, type RequestError } from "./request.ts"

/** The last time that a date can have, in milliseconds since the epoch. */
const timeMax = 8.64e15

const isText = (value: unknown): boolean => typeof value === "string" && value !== ""
const isTime = (value: unknown): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= timeMax
const isFlag = (value: unknown): boolean => typeof value === "boolean"

const fields: Readonly<Record<keyof RedriveSelection, readonly [form: string, fits: (value: unknown) => boolean]>> = {
  all: ["true or false", isFlag],
  ids: ["a list of texts", (value) => Array.isArray(value) && value.every(isText)],
  stage: ["a text", isText],
  reason: ["a text", isText],
  connection: ["a text", isText],
  event: ["a text", isText],
  since: ["milliseconds since the epoch", isTime],
  until: ["milliseconds since the epoch", isTime],
  remap: ["true or false", isFlag],
  again: ["true or false", isFlag]
}

/** A field of another name, or null, is refused as well. */
export const readRedriveSelection = (body: Body): Effect.Effect<RedriveSelection, RequestError> => {
  for (const [name, value] of Object.entries(body)) {
    const field = Object.hasOwn(fields, name) ? fields[name as keyof RedriveSelection] : undefined
    if (field === undefined)
      return Effect.fail(invalid(name, "it is not known", `Give some of ${Object.keys(fields).join(", ")}.`))
    const [form, fits] = field
    if (!fits(value)) return Effect.fail(invalid(name, `it is not ${form}`, "Correct it, or leave it out."))
  }
  return Effect.succeed(body as RedriveSelection)
}
