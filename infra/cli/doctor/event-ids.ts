/**
 * Whether event ids can deduplicate an event with the same event of a pixel: one id for one occurrence, in each attempt the same.
 * Found in the last raw events, of which nothing is printed but positions.
 */
import { hash } from "node:crypto"
import type { RawEvent } from "../../../schemas/types.gen.ts"
import { type Found, failed, named, notChecked, problemsOr, warning } from "./check.ts"

/** What is kept of an event. */
export interface SampledEvent {
  /** `partition:offset` in raw-events. */
  readonly position: string
  /** Null where it is missing, or not a text. */
  readonly id: string | null
  readonly name: string
  readonly orderId: string | null
  /** Of everything but the id. */
  readonly content: string
}

export const sampledOf = (position: string, raw: RawEvent): SampledEvent => ({
  position,
  id: raw.event_id,
  name: raw.event_name.toLowerCase(),
  orderId: raw.properties?.order_id ?? null,
  content: hash("sha256", JSON.stringify({ ...raw, event_id: "" }, bigintAsText), "base64")
})

const bigintAsText = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value)

/** So many different events under one id are no accident. */
const sameIdMin = 3

/** Pure. */
export const eventIdFindings = (events: ReadonlyArray<SampledEvent>): ReadonlyArray<Found> => {
  if (events.length === 0)
    return [notChecked("raw-events holds no event that can be read.", "./capi send publishes one.")]
  const withId = events.filter(({ id }) => id !== null)
  const missing = events.filter(({ id }) => id === null)
  return problemsOr(
    [
      ...(missing.length === 0
        ? []
        : [
            failed(
              `${share(missing, events)} have no event_id; they become dead letters (${positions(missing)}).`,
              "Send the id that the pixel has for the same event (eventID of Meta's, event_id of TikTok's, an order number)."
            )
          ]),
      ...newIdProblem(withId),
      ...sameIdProblem(withId)
    ],
    `In the last ${events.length} events each occurrence has one id.`
  )
}

/** The same purchase, or the very same content, under several ids: each attempt made another. */
const newIdProblem = (events: ReadonlyArray<SampledEvent>): ReadonlyArray<Found> => {
  const occurrences = Map.groupBy(events, ({ name, orderId, content }) =>
    name === "purchase" && orderId !== null ? `${name} ${orderId}` : content
  )
  const repeated = [...occurrences.values()].filter((same) => new Set(same.map(({ id }) => id)).size > 1)
  return repeated.length === 0
    ? []
    : [
        failed(
          `${repeated.length} occurrences came under several event ids, as where each attempt makes another (${positions(repeated.flat())}): platforms count them twice.`,
          "Make the id once, where the event happens, and repeat it in every attempt and in the pixel."
        )
      ]
}

const sameIdProblem = (events: ReadonlyArray<SampledEvent>): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  const ids = [...Map.groupBy(events, ({ id, name }) => `${name} ${id}`).values()]
  const ofOrders = ids.filter((same) => new Set(same.flatMap(({ orderId }) => orderId ?? [])).size > 1)
  if (ofOrders.length > 0)
    found.push(
      failed(
        `${ofOrders.length} event ids stand for several orders each (${positions(ofOrders.flat())}): all but the first count as duplicates and are not sent.`,
        "Give each order's event an id that no other has, such as the order number."
      )
    )
  const ofOthers = ids.filter(
    (same) => !ofOrders.includes(same) && new Set(same.map(({ content }) => content)).size >= sameIdMin
  )
  if (ofOthers.length > 0)
    found.push(
      warning(
        `${ofOthers.length} event ids stand for ${sameIdMin} or more different events each (${positions(ofOthers.flat())}): all but the first count as duplicates and are not sent.`,
        "Give each event an id that no other has; a session's or a customer's id is not one."
      )
    )
  return found
}

const share = (some: ReadonlyArray<unknown>, all: ReadonlyArray<unknown>): string =>
  `${some.length} of the last ${all.length} events`
const positions = (events: ReadonlyArray<SampledEvent>): string =>
  `raw-events ${named(
    events.map(({ position }) => position),
    3
  )}`
