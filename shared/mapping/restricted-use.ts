/** Limited data use under US state privacy laws, as Meta and Snapchat take it (Meta, data processing options). */

import stateCodes from "../../schemas/catalog/ldu-states.json" with { type: "json" }
import type { NormalizedUser } from "../../schemas/types.gen.ts"
import type { Mutable } from "./result.ts"

const codes: ReadonlyMap<string, number> = new Map(Object.entries(stateCodes))

/**
 * Sets `data_processing_options`: limited data use where it is restricted, explicitly none where the customer allowed the
 * sale of data, nothing where nobody said. Country 1 is the US and a state code names the state; 0 asks the platform to
 * find them by the IP address.
 */
export const setDataProcessing = (
  target: Mutable,
  user: NormalizedUser,
  restricted: boolean,
  saleOfData: string | null
): void => {
  if (restricted) {
    const american = user.country_code === "US"
    target["data_processing_options"] = ["LDU"]
    target["data_processing_options_country"] = american ? 1 : 0
    target["data_processing_options_state"] = american ? (codes.get((user.state_plain ?? "").toUpperCase()) ?? 0) : 0
  } else if (saleOfData === "granted") {
    target["data_processing_options"] = []
  }
}
