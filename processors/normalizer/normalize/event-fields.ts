/** The fields of an event beside its user and properties: where it happened, the accounts of its pages, its app. */
import type { App } from "../../../schemas/types.gen.ts"
import type { Drop } from "../identity/field.ts"
import { clean, withoutControls } from "../identity/text.ts"
import type { PersonalData } from "../pii/personal-data.ts"
import { normalizeText, textLengthMax, unlessDropped } from "./properties.ts"

/** One of Meta's words; Snapchat's and other usual words for the same become it, and any other is left out. */
export const normalizeActionSource = (raw: string | null, drop: Drop): string | null => {
  if (raw === null) return null
  const usual = sources.get(raw)
  if (usual !== undefined) return usual
  const word = raw.length > wordLengthMax ? null : wordOf(raw)
  if (word === "") return null
  const source = word === null ? undefined : sources.get(word)
  if (source !== undefined) return source
  drop("action_source", "invalid_action_source")
  return null
}

const wordOf = (raw: string): string =>
  raw
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, "_")

export const normalizeMessagingChannel = (raw: string | null, drop: Drop): string | null => {
  if (raw === null) return null
  const word = raw.length > wordLengthMax ? null : raw.trim().toLowerCase()
  if (word === "") return null
  if (word !== null && messagingChannels.has(word)) return word
  drop("messaging_channel", "invalid_messaging_channel")
  return null
}

/** The id of a page or an account: digits. */
export const accountId = (field: string, raw: string | null, drop: Drop): string | null => {
  if (raw === null || raw === "") return null
  const id = raw.length > accountIdRawMax ? "" : clean(raw)
  if (/^[0-9]{1,32}$/.test(id)) return id
  drop(field, "invalid_type")
  return null
}

const accountIdRawMax = 1024

export const normalizeApp = (app: App, personal: PersonalData, drop: Drop): App => {
  const text = (name: "app_id" | "app_name" | "app_version"): string | null => {
    const value = app[name]
    return value === null ? null : unlessDropped(normalizeText(value, personal, "no names"), "app.", name, drop)
  }
  return {
    app_id: text("app_id"),
    advertiser_tracking_enabled: app.advertiser_tracking_enabled,
    application_tracking_enabled: app.application_tracking_enabled,
    extinfo: app.extinfo.map((value, index) => {
      const isTooLong = value.length > textLengthMax
      if (!isTooLong && !personal.inCode(value)) return withoutControls(value)
      // The others keep their positions, by which the platforms know them.
      drop(`app.extinfo[${index}]`, isTooLong ? "too_long" : "personal_data")
      return ""
    }),
    app_name: text("app_name"),
    app_version: text("app_version")
  }
}

const sources = new Map<string, string>([
  ["website", "website"],
  ["web", "website"],
  ["online", "website"],
  ["app", "app"],
  ["mobile_app", "app"],
  ["email", "email"],
  ["phone_call", "phone_call"],
  ["phone", "phone_call"],
  ["call", "phone_call"],
  ["chat", "chat"],
  ["physical_store", "physical_store"],
  ["in_store", "physical_store"],
  ["store", "physical_store"],
  ["retail", "physical_store"],
  ["pos", "physical_store"],
  ["offline", "physical_store"],
  ["system_generated", "system_generated"],
  ["crm", "system_generated"],
  ["business_messaging", "business_messaging"],
  ["other", "other"]
])

const wordLengthMax = 256
/** By which a message may come. */
export const messagingChannels: ReadonlySet<string> = new Set(["whatsapp", "messenger", "instagram"])
