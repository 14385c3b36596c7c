/** Where an event happened. */
import type { DropReason } from "../identity/field.ts"

type Drop = (field: string, reason: DropReason) => void

/** One of Meta's words; Snapchat's and other usual words for the same become it, and what is none is left out. */
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
  if (word !== null && channels.has(word)) return word
  drop("messaging_channel", "invalid_messaging_channel")
  return null
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
const channels = new Set(["whatsapp", "messenger", "instagram"])
