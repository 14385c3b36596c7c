/** Writes an accepted mapping into `connections.yaml`, whose comments and layout stay as they are. */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import { type Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap } from "yaml"

export class AcceptError extends Data.TaggedError("AcceptError")<{
  readonly code: "unreadable" | "unknown_connection" | "already_mapped" | "not_a_map"
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

/**
 * The text with `mapping.events.<event>: <to>` in the connection. An event that is mapped otherwise already is an error,
 * since a person decided on it; the same mapping again changes nothing.
 */
export const acceptMapping = (
  yamlText: string,
  connectionId: string,
  event: string,
  to: string
): Result.Result<string, AcceptError> => {
  const document = parseDocument(yamlText)
  if (document.errors.length > 0) return failed("unreadable", "The file is no valid YAML.", "Run ./capi lint.")
  const connection = connectionIn(document, connectionId)
  if (connection === null) {
    return failed(
      "unknown_connection",
      `There is no connection ${connectionId}.`,
      "Run ./capi lint to see the connections."
    )
  }
  const known = connection.getIn(["mapping", "events", event])
  if (known === to) return Result.succeed(yamlText)
  if (known !== undefined) {
    return failed(
      "already_mapped",
      `${connectionId} maps ${event} already.`,
      "Change mapping.events in the file by hand."
    )
  }
  const events = sectionOf(document, connection, ["mapping", "events"])
  if (events === null) {
    return failed("not_a_map", `mapping.events of ${connectionId} is no group of keys.`, "Run ./capi lint.")
  }
  events.set(event, to)
  return Result.succeed(document.toString({ lineWidth: 0, flowCollectionPadding: true }))
}

const connectionIn = (document: Document, id: string): YAMLMap | null => {
  const list = isSeq(document.contents) ? document.contents : document.get("connections")
  if (!isSeq(list)) return null
  for (const item of list.items) if (isMap(item) && item.get("id") === id) return item
  return null
}

/** The group of keys at the path, made where it is missing or empty; null where something else stands there. */
const sectionOf = (document: Document, from: YAMLMap, path: ReadonlyArray<string>): YAMLMap | null => {
  let section = from
  for (const key of path) {
    const found = section.get(key, true)
    if (found === undefined || (isScalar(found) && found.value === null)) {
      const made = document.createNode({}) as YAMLMap
      section.set(key, made)
      section = made
    } else if (isMap(found)) section = found
    else return null
  }
  return section
}

const failed = (code: AcceptError["code"], message: string, nextStep: string) =>
  Result.fail(new AcceptError({ code, message, nextStep, cause: null }))
