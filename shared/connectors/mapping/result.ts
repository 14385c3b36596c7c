/** Constructors of mapping results, and the mutable form of a payload while it is being built. */
import type { Json, JsonObject } from "../../model/json.ts"

/** The one element of a request body that an event becomes, or why it does not become one. */
export type MapResult =
  | {
      readonly _tag: "Payload"
      readonly platformEvent: string
      readonly payload: JsonObject
      /**
       * Events of equal group may share a request: what the request's envelope needs to know of them, written by
       * `batchGroup` of `http/request.ts`; the keys are the kind's.
       */
      readonly batchGroup: string
      /** The last time at which the platform takes the event, in milliseconds since the epoch; null without an age limit. */
      readonly deadline: number | null
      /** Fields that this platform's rules left out. */
      readonly dropped: ReadonlyArray<Dropped>
      /** Whom a message goes to, sealed; null where the payload holds the customer's identifiers. */
      readonly sealedRecipient: string | null
    }
  | NotMapped

export type NotMapped =
  /** Not meant for this platform: consent, filter, no_mapping. */
  | { readonly _tag: "Skipped"; readonly reason: string; readonly message: string }
  /** Meant for it, but the platform would refuse it. `nextStep`: what a person can do about it, where the reason does not say it. */
  | { readonly _tag: "Rejected"; readonly reason: string; readonly message: string; readonly nextStep?: string }

export interface Dropped {
  readonly field: string
  readonly reason: string
}

/** A payload under construction; insertion order is the order of its bytes. */
export type PayloadBuilder = { [key: string]: Json }

/** The event isn't meant for the connection. */
export const skipped = (reason: string, message: string): NotMapped => ({ _tag: "Skipped", reason, message })

/** The platform would refuse the event. */
export const rejected = (reason: string, message: string, nextStep?: string): NotMapped =>
  nextStep === undefined ? { _tag: "Rejected", reason, message } : { _tag: "Rejected", reason, message, nextStep }

/** Sets a key unless the value is null, so that a payload holds no nulls. */
export const put = (target: PayloadBuilder, key: string, value: Json | undefined): void => {
  if (value !== null && value !== undefined && value !== "") target[key] = value
}

export const isEmpty = (target: Readonly<PayloadBuilder>): boolean => {
  for (const _ in target) return false
  return true
}

/**
 * The parts as one text, written out at once. V8 keeps a text that `+` or a template makes of others as a tree, and its fast
 * `JSON.stringify` takes none with such a text, or with a view into a longer one, anywhere in the object.
 */
export const flattenString = (...parts: ReadonlyArray<string | number>): string => parts.join("")
