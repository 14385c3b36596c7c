/** What can go wrong while a local broker or registry is obtained, started or reached. */
import * as Data from "effect/Data"

export type LocalProblem =
  | "no_java"
  | "java_too_old"
  | "no_maven"
  | "download_failed"
  | "port_in_use"
  | "broker_unreachable"
  | "broker_failed"
  | "registry_unreachable"
  | "registry_failed"
  | "schema_ids_changed"
  | "disk_full"
  | "not_writable"
  | "docker_failed"
  | "invalid_setting"

/** One clear line and the next step; `code` is stable. */
export class LocalError extends Data.TaggedError("LocalError")<{
  readonly code: LocalProblem
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

/** A LocalError. */
export const problem = (code: LocalProblem, message: string, nextStep: string, cause: unknown = null): LocalError =>
  new LocalError({ code, message, nextStep, cause })
