/** The rows of an upload: which kinds there are, what is wrong with one, and how that is said. */
import type { Check, Problem } from "../check.ts"
import { isObject, type Json, type JsonObject, type Situation } from "../platform.ts"
import type { AdsError } from "./ads-error.ts"
import { adjustment, adjustmentRules, conversion, conversionRules } from "./fields.ts"

const day = 86_400_000

export interface Upload {
  readonly list: "conversions" | "conversionAdjustments"
  readonly category: "conversionUploadError" | "conversionAdjustmentUploadError"
  readonly fields: Check
  readonly rules: (event: JsonObject) => Problem | null
  readonly time: string
  readonly ageDaysMax: number
}

/** By the last part of the path. */
export const uploads: Readonly<Record<string, Upload>> = {
  uploadClickConversions: {
    list: "conversions",
    category: "conversionUploadError",
    fields: conversion,
    rules: conversionRules,
    time: "conversionDateTime",
    ageDaysMax: 90
  },
  uploadConversionAdjustments: {
    list: "conversionAdjustments",
    category: "conversionAdjustmentUploadError",
    fields: adjustment,
    rules: adjustmentRules,
    time: "adjustmentDateTime",
    ageDaysMax: 54
  }
}

/** The first problem of one row. */
export const rowProblem = (row: Json, now: number, upload: Upload, situation: Situation): Problem | null => {
  if (!isObject(row)) return { path: "", kind: "type", message: "Not a valid row" }
  const problem = upload.fields(row, "", () => undefined) ?? upload.rules(row)
  if (problem !== null) return problem
  const at = row[upload.time] === undefined ? now : Date.parse(String(row[upload.time]).replace(" ", "T"))
  if (at > now + 600_000)
    return {
      path: upload.time,
      kind: "range",
      reason: "CONVERSION_PRECEDES_EVENT",
      message: "The time is in the future."
    }
  if (now - at > upload.ageDaysMax * day)
    return { path: upload.time, kind: "range", reason: "EXPIRED_EVENT", message: "The event is too old." }
  const poison = situation.poisoned(typeof row.orderId === "string" ? row.orderId : null, row)
  return poison === null
    ? null
    : { path: "", kind: "format", reason: poison, message: "Refused by the sandbox's script." }
}

/** What `results` says of a row that was taken. */
export const resultOf = (row: JsonObject): JsonObject => {
  const result: Record<string, Json> = {}
  for (const key of [
    "gclid",
    "gbraid",
    "wbraid",
    "conversionAction",
    "conversionDateTime",
    "adjustmentType",
    "orderId"
  ])
    if (row[key] !== undefined) result[key] = row[key]
  return result
}

/** A row's problem as an error with its place. */
export const adsErrorOf = (problem: Problem, upload: Upload, index: number): AdsError => ({
  errorCode: codeOf(problem, upload),
  message: problem.message,
  location: { list: upload.list, index, field: problem.path === "" ? null : (problem.path.split(/[.[]/)[0] ?? null) }
})

const codeOf = (problem: Problem, upload: Upload): Readonly<Record<string, string>> => {
  if (problem.kind === "missing" && problem.reason === undefined) return { fieldError: "REQUIRED" }
  if (problem.reason === "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET") return { dateError: problem.reason }
  if (problem.reason === "VALUE_MUST_BE_UNSET") return { fieldError: problem.reason }
  if (problem.kind === "hash") return { [upload.category]: "INVALID_USER_IDENTIFIER" }
  if (problem.kind === "enum") return { enumError: "ENUM_VALUE_NOT_PERMITTED" }
  return { [upload.category]: problem.reason ?? "INVALID_VALUE" }
}
