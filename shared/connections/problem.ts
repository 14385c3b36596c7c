/** What is wrong with a file of connections, and where. */
import * as Data from "effect/Data"

export interface Problem {
  readonly severity: "error" | "warning"
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
  /** The key's path, such as `connections[0].mapping.version`. */
  readonly path: string
  readonly message: string
  /** What may stand there; null where the message says it. */
  readonly allowed: string | null
}

/** The file cannot be used; the problems hold every error and warning found, in the file's order. */
export class ConnectionsError extends Data.TaggedError("ConnectionsError")<{
  readonly code: "unreadable" | "invalid"
  readonly file: string
  readonly problems: ReadonlyArray<Problem>
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

/** One problem as `file:line:column: path: message`, the form that editors make a link of. */
export const formatProblem = (file: string, problem: Problem): string => {
  const where = `${file}:${problem.line}:${problem.column}`
  const key = problem.path === "" ? "" : `${problem.path}: `
  const allowed = problem.allowed === null ? "" : ` Allowed: ${problem.allowed}.`
  return `${where}: ${problem.severity}: ${key}${problem.message}${allowed}`
}

/** A text of the file in a message, bounded. */
export const quote = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
