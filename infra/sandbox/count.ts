/** Counts events in a request body without parsing it: the key of the event id is searched as bytes. */
import type { SandboxPlatform } from "./platform.ts"

const keys: Readonly<Record<SandboxPlatform, string>> = {
  meta: '"event_id":',
  tiktok: '"event_id":',
  snapchat: '"event_id":',
  google: '"transactionId":',
  "google-ads": '"conversionAction":',
  "google-oauth": '"',
  whatsapp: '"messaging_product":'
}

/** How many events the body holds, near enough for faults and benchmarks. */
export const countEvents = (platform: SandboxPlatform, body: Buffer): number => {
  const key = keys[platform]
  let count = 0
  for (let at = body.indexOf(key); at !== -1; at = body.indexOf(key, at + key.length)) count++
  return count
}

/** The event ids in the body, as they stand between the quotes. */
export const eventIds = (platform: SandboxPlatform, body: Buffer): ReadonlyArray<string> => {
  const key = platform === "google-ads" ? '"orderId":' : keys[platform]
  const found: Array<string> = []
  for (let at = body.indexOf(key); at !== -1; at = body.indexOf(key, at + key.length)) {
    const start = body.indexOf(0x22, at + key.length) + 1
    const end = body.indexOf(0x22, start)
    if (start === 0 || end === -1) break
    found.push(body.toString("latin1", start, end))
  }
  return found
}
