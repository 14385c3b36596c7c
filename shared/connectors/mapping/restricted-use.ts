/**
 * Limited data use under US state privacy laws: the table of what each platform takes (Meta and Snapchat, data processing
 * options; TikTok, limited data use; Data Manager, consent), and the fields that Meta and Snapchat share.
 */
import table from "../../../schemas/catalog/limited-data-use.json" with { type: "json" }
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { ConnectorKind } from "../../model/platform.ts"
import type { Mutable } from "./result.ts"

/** The country and the state of `data_processing_options`, as the platform numbers them. */
export interface LocationPairs {
  /** Where the customer's state has no code: the platform finds the state by the IP address. */
  readonly otherwise: readonly [number, number]
  /** By the two letters of the US state. */
  readonly states: ReadonlyMap<string, readonly [number, number]>
}

const pairsOf = (kind: "meta" | "snapchat"): LocationPairs => ({
  otherwise: pair(table[kind].otherwise),
  states: new Map(Object.entries(table[kind].states).map(([state, numbers]) => [state, pair(numbers)]))
})

const pair = ([country, state]: ReadonlyArray<number>): readonly [number, number] => [country ?? 0, state ?? 0]

/** Every pair that Meta and Snapchat take; any other fails the request. */
export const locationPairs: Readonly<Record<"meta" | "snapchat", LocationPairs>> = {
  meta: pairsOf("meta"),
  snapchat: pairsOf("snapchat")
}

/** Whether the kind's API has a flag for limited data use; without one nothing is sent of a customer who asked for it. */
export const hasRestrictedUse = (kind: ConnectorKind): boolean => kind !== "whatsapp" && table[kind] !== null

/** The sources of TikTok's events that take `limited_data_use`; it needs the customer's IP address. */
export const restrictedTiktokSources: ReadonlySet<string> = new Set(table.tiktok.sources)

/**
 * Sets `data_processing_options`: limited data use where it is restricted, explicitly none where the customer allowed the
 * sale of data, nothing where the event does not say.
 */
export const setDataProcessing = (
  target: Mutable,
  kind: "meta" | "snapchat",
  user: NormalizedUser,
  restricted: boolean,
  saleOfData: string | null
): void => {
  if (restricted) {
    const { otherwise, states } = locationPairs[kind]
    const known = user.country_code === "US" ? states.get((user.state_plain ?? "").toUpperCase()) : undefined
    const [country, state] = known ?? otherwise
    target["data_processing_options"] = ["LDU"]
    target["data_processing_options_country"] = country
    target["data_processing_options_state"] = state
  } else if (saleOfData === "granted") {
    target["data_processing_options"] = []
  }
}
