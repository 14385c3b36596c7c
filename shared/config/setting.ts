/** What the descriptions of settings are built from: texts with the defaults of the table, optional ones, and the error. */
import * as Config from "effect/Config"
import * as Data from "effect/Data"
import * as Option from "effect/Option"
import { settingsTable } from "./settings-table.ts"

/** A setting is missing or wrong. The message names the variable, never its value. */
export class SettingsError extends Data.TaggedError("SettingsError")<{
  /** `plaintext`: a secret would go over a connection that is not encrypted. */
  readonly code: "missing" | "invalid" | "plaintext"
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

/** Where a setting holds what it must not, or lacks another one. */
export const invalid = (message: string, nextStep: string): SettingsError =>
  new SettingsError({ code: "invalid", message, nextStep, cause: null })

export const text = (name: string) => Config.NonEmptyString(name)
export const textOr = (name: string) => text(name).pipe(Config.withDefault(defaultOf(name)))
export const optional = <A>(config: Config.Config<A>) => Config.option(config).pipe(Config.map(Option.getOrNull))

const defaultOf = (name: string): string => settingsTable.find((row) => row.name === name)?.default ?? ""
