/** Writes an accepted mapping into the text of `connections.yaml`; every other byte of it stays. */
import { isDeepStrictEqual } from "node:util"
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import { type Document, isMap, isSeq, parseDocument, type YAMLMap } from "yaml"
import { didYouMean } from "../../../shared/connections/did-you-mean.ts"
import { nameSets } from "../../../shared/connectors/mapping/catalog.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import type { ConnectorKind } from "../../../shared/model/platform.ts"
import { insertKey } from "./insert-key.ts"

class AcceptError extends Data.TaggedError("AcceptError")<{
  readonly code:
    | "unreadable"
    | "unknown_connection"
    | "unknown_event"
    | "already_mapped"
    | "not_a_map"
    | "unknown_layout"
  readonly message: string
  readonly nextStep: string
  readonly exitCode: number
  readonly cause: unknown
}> {}

/**
 * Whether a connector sends events by this name: a standard event of its platform, or, with `custom`, any other where the
 * platform takes custom events. The error names the nearest standard event.
 */
export const checkPlatformEvent = (
  kind: ConnectorKind,
  to: string,
  custom: boolean
): Result.Result<void, AcceptError> => {
  const known = knownEvents(kind)
  if (known.includes(to)) return Result.succeed(undefined)
  if (known.length === 0)
    return failed(
      "unknown_event",
      `A connection of ${kind} sends no platform events.`,
      "Write a template under mapping.templates by hand.",
      2
    )
  const takesCustom = connectorFor(kind).catalog.takesCustomEvents
  if (takesCustom && custom && to.trim() !== "") return Result.succeed(undefined)
  const near = didYouMean(to, known)
  const message = `${kind} has no standard event ${JSON.stringify(to)}.${near === null ? "" : ` Did you mean ${near}?`}`
  const names = `Standard events are ${known.join(", ")}.`
  const nextStep = takesCustom ? `${names} To send a custom event by this name, add --custom.` : names
  return failed("unknown_event", message, nextStep, 2)
}

const knownEvents = (kind: ConnectorKind): ReadonlyArray<string> => {
  const { catalog, otherEventNames = [] } = connectorFor(kind)
  return [
    ...new Set([
      ...catalog.standardEvents,
      ...nameSets.flatMap((set) => [...catalog.names[set].values()]),
      ...otherEventNames
    ])
  ]
}

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
  if (document.errors.length > 0) return failed("unreadable", "The file is not valid YAML.", "Run ./capi lint.")
  const ids: Array<string> = []
  const connection = connectionIn(document, connectionId, ids)
  if (connection === null) {
    const near = didYouMean(connectionId, ids)
    return failed(
      "unknown_connection",
      `There is no connection ${JSON.stringify(connectionId)}.${near === null ? "" : ` Did you mean ${near}?`}`,
      `Connections are ${ids.join(", ")}.`,
      2
    )
  }
  const path = ["mapping", "events", event]
  const known = connection.getIn(path)
  if (known === to) return Result.succeed(yamlText)
  if (known !== undefined) {
    return failed(
      "already_mapped",
      `${connectionId} maps ${event} already.`,
      "Change mapping.events in the file by hand."
    )
  }
  if (!isFree(connection, path))
    return failed("not_a_map", `mapping.events of ${connectionId} is not a group of keys.`, "Run ./capi lint.")
  const after = insertKey(yamlText, connection, path, to)
  return after !== null && differsByOne(document, after, connectionId, path, to)
    ? Result.succeed(after)
    : failed(
        "unknown_layout",
        `The file is laid out in a way that cannot be edited without changing more of it.`,
        `Write ${path.join(".")}: ${to} into ${connectionId} by hand.`
      )
}

const connectionIn = (document: Document, id: string, ids: Array<string>): YAMLMap | null => {
  const list = isSeq(document.contents) ? document.contents : document.get("connections")
  if (!isSeq(list)) return null
  for (const item of list.items) {
    if (!isMap(item)) continue
    ids.push(String(item.get("id")))
    if (item.get("id") === id) return item
  }
  return null
}

/** Whether the path leads through maps, or through what is absent or empty. */
const isFree = (connection: YAMLMap, path: ReadonlyArray<string>): boolean =>
  path.slice(0, -1).every((_, depth) => {
    const found = connection.getIn(path.slice(0, depth + 1))
    return found === undefined || found === null || isMap(found)
  })

// An anchor that another connection uses, or a key in a style that is not known here, would change more or less than that.
const differsByOne = (
  before: Document,
  afterText: string,
  connectionId: string,
  path: ReadonlyArray<string>,
  value: string
): boolean => {
  const after = parseDocument(afterText)
  if (after.errors.length > 0) return false
  const expected = plain(before)
  const list = isTree(expected) ? expected["connections"] : expected
  if (!Array.isArray(list)) return false
  const index = list.findIndex((item) => isTree(item) && item["id"] === connectionId)
  list[index] = withPath(list[index], path, value)
  return isDeepStrictEqual(expected, plain(after))
}

type Tree = { [key: string]: unknown }
const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value)

/** Through JSON, so that what an alias repeats is compared at each place. */
const plain = (document: Document): unknown => JSON.parse(JSON.stringify(document.toJS()))

const withPath = (tree: Tree, [key = "", ...below]: ReadonlyArray<string>, value: string): Tree => ({
  ...tree,
  [key]: below.length === 0 ? value : withPath(isTree(tree[key]) ? tree[key] : {}, below, value)
})

const failed = (code: AcceptError["code"], message: string, nextStep: string, exitCode = 1) =>
  Result.fail(new AcceptError({ code, message, nextStep, exitCode, cause: null }))
