/** Constructors of mapping results, and the mutable form of a payload while it is being built. */
import type { Json, MapResult } from "../connector.ts"

export interface Dropped {
  readonly field: string
  readonly reason: string
}

/** A payload under construction; insertion order is the order of its bytes. */
export type PayloadBuilder = { [key: string]: Json }

/** The event isn't meant for the connection. */
export const skipped = (reason: string, message: string): MapResult => ({ _tag: "Skipped", reason, message })

/** The platform would refuse the event. */
export const rejected = (reason: string, message: string, nextStep?: string): MapResult =>
  nextStep === undefined ? { _tag: "Rejected", reason, message } : { _tag: "Rejected", reason, message, nextStep }

/** Sets a key unless the value is null, so that a payload holds no nulls. */
export const put = (target: PayloadBuilder, key: string, value: Json | undefined): void => {
  if (value !== null && value !== undefined && value !== "") target[key] = value
}

export const isEmpty = (target: Readonly<PayloadBuilder>): boolean => {
  for (const _ in target) return false
  return true
}
