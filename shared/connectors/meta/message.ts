/** Events of `business_messaging`: what Meta takes of them and what it asks for (Meta, Conversions API for business messaging). */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { MapResult } from "../connector.ts"
import { type Dropped, type PayloadBuilder, put, rejected } from "../mapping/result.ts"

type AccountKey = "page_id" | "whatsapp_business_account_id" | "ig_account_id"
type UserKey = "page_scoped_user_id" | "ig_sid"

interface Channel {
  /** The business's side of the conversation: one of them is required. */
  readonly accounts: ReadonlyArray<AccountKey>
  /** The customer's id that belongs to that side. */
  readonly user: UserKey | null
}

const channels: ReadonlyMap<string, Channel> = new Map<string, Channel>([
  ["whatsapp", { accounts: ["page_id", "whatsapp_business_account_id"], user: null }],
  ["messenger", { accounts: ["page_id"], user: "page_scoped_user_id" }],
  ["instagram", { accounts: ["ig_account_id", "page_id"], user: "ig_sid" }]
])

const channelOf = (event: NormalizedEvent): Channel | undefined => channels.get(event.messaging_channel ?? "")

/**
 * Makes `user_data` that of a message: it was sent in no browser, so that Meta takes no browser or network address of it, but
 * the two sides of the conversation. An account that the event does not name is the connection's.
 */
export const messageUserData = (
  user: PayloadBuilder,
  event: NormalizedEvent,
  connection: Connection,
  dropped: Array<Dropped>
): void => {
  for (const [key, field] of browserKeys) {
    if (user[key] === undefined) continue
    delete user[key]
    dropped.push({ field, reason: "not_for_messages" })
  }
  const channel = channelOf(event)
  if (channel === undefined) return
  for (const key of channel.accounts) put(user, key, event[key])
  if (!channel.accounts.some((key) => user[key] !== undefined)) {
    for (const key of channel.accounts) put(user, key, connection.account[key])
  }
  if (channel.user !== null) put(user, channel.user, event.user[channel.user])
}

const browserKeys = [
  ["client_ip_address", "user.ip"],
  ["client_user_agent", "user.user_agent"],
  ["fbp", "user.fbp"]
] as const

/** A message has a channel in the place of a page. */
export const putChannel = (payload: PayloadBuilder, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  for (const field of ["event_source_url", "referrer_url"] as const) {
    if (event[field]) dropped.push({ field, reason: "not_for_messages" })
  }
  put(payload, "messaging_channel", event.messaging_channel)
}

/** What Meta would miss; null where nothing is missing. */
export const missingOfMessage = (event: NormalizedEvent, user: PayloadBuilder): MapResult | null => {
  const channel = channelOf(event)
  if (channel === undefined) {
    return rejected(
      "missing_messaging_channel",
      "Meta requires messaging_channel of business_messaging events: whatsapp, messenger or instagram."
    )
  }
  if (event.messaging_channel === "whatsapp" && user["ctwa_clid"] === undefined) {
    return rejected("missing_ctwa_clid", "Meta requires ctwa_clid of WhatsApp business_messaging events.")
  }
  return channel.accounts.some((key) => user[key] !== undefined)
    ? null
    : rejected(
        "missing_page_id",
        `Meta requires ${channel.accounts.join(" or ")} of business_messaging events of ${event.messaging_channel}.`
      )
}
