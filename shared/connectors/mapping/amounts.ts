/** Whether an event's amounts may be used. Where they may not, a purchase is refused, and any other event is sent without them. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { CompiledConnection } from "../connector.ts"
import { currencyCode } from "./catalog.ts"
import { type Commerce, commerceOf, readingOf } from "./commerce.ts"
import type { Dropped } from "./payload.ts"

/** A value or its currency that the event gives and that is not usable, noted by the normalizer or here; null without one. */
export const moneyFault = (event: NormalizedEvent): Dropped | null => {
  if (event.properties === null) return null
  const { commerce, dropped } = readingOf(event)
  const value = faultOf(dropped, "properties.value") ?? faultOf(event.dropped_fields, "properties.value")
  if (value !== null || commerce.value === null || commerce.currency !== null) return value
  return currencyFault(event)
}

/**
 * What the event says of money and products, as a payload may have it: where its currency is given and not one, no amount,
 * which alone would be read in the currency of the account; unless a rule of the connection gives the currency.
 */
export const commerceToSend = (
  event: NormalizedEvent,
  compiled: CompiledConnection,
  dropped: Array<Dropped>
): Commerce => {
  const commerce = commerceOf(event, dropped)
  if (commerce.currency !== null || event.properties === null || currencyFault(event) === null) return commerce
  if (hasCurrencyByRule(event, compiled)) return commerce
  if (commerce.value !== null) dropped.push({ field: "properties.value", reason: "unknown_currency" })
  const products = commerce.products.map((product) => (product.price === null ? product : { ...product, price: null }))
  return { ...commerce, value: null, products, withoutAmounts: true }
}

const currencyFault = (event: NormalizedEvent): Dropped | null =>
  faultOf(readingOf(event).dropped, "properties.currency") ?? faultOf(event.dropped_fields, "properties.currency")

const faultOf = (dropped: ReadonlyArray<Dropped>, field: string): Dropped | null => {
  for (let index = 0; index < dropped.length; index++) if (dropped[index]!.field === field) return dropped[index]!
  return null
}

/** Only where rules set the custom data that the amounts stand in. */
const hasCurrencyByRule = (event: NormalizedEvent, { connector, parameters }: CompiledConnection): boolean => {
  if (connector.valueParameter !== true) return false
  const ruled = parameters.find(({ name }) => name === "currency")?.value(event)
  return typeof ruled === "string" && currencyCode(ruled.trim().toUpperCase()) !== undefined
}
