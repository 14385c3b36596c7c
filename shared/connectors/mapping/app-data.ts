/** `app_data` of app events: Meta's and Snapchat's are the same (Meta, app data parameters; Snapchat, parameters). */
import type { App } from "../../../schemas/types.gen.ts"
import { type PayloadBuilder, put } from "./result.ts"

export type AppData =
  | { readonly _tag: "AppData"; readonly data: PayloadBuilder }
  | { readonly _tag: "Incomplete"; readonly message: string }

/** How many positional strings `extinfo` holds. */
const extinfoLength = 16

/** Builds it, or says what is missing of what is required: both tracking flags and 16 strings, the first a2 or i2. */
export const appData = (app: App | null): AppData => {
  if (app === null)
    return incomplete(
      "app events need app.advertiser_tracking_enabled, app.application_tracking_enabled and app.extinfo"
    )
  if (app.advertiser_tracking_enabled === null) return incomplete("app.advertiser_tracking_enabled is missing")
  if (app.application_tracking_enabled === null) return incomplete("app.application_tracking_enabled is missing")
  if (app.extinfo.length !== extinfoLength) return incomplete(`app.extinfo needs ${extinfoLength} strings`)
  if (app.extinfo[0] !== "a2" && app.extinfo[0] !== "i2")
    return incomplete("the first string of app.extinfo must be a2 or i2")
  const data: PayloadBuilder = {
    advertiser_tracking_enabled: app.advertiser_tracking_enabled ? 1 : 0,
    application_tracking_enabled: app.application_tracking_enabled ? 1 : 0,
    extinfo: app.extinfo
  }
  return { _tag: "AppData", data }
}

/** Snapchat's has the app's id in it. */
export const appDataWithId = (app: App | null): AppData => {
  const built = appData(app)
  if (built._tag === "AppData") put(built.data, "app_id", app?.app_id)
  return built
}

const incomplete = (message: string): AppData => ({ _tag: "Incomplete", message })
