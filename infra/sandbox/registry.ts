/** The platforms of the sandbox. A further one is a line here; names, ports, options and credentials are derived. */
import { googleSandbox } from "./google/google.ts"
import { metaSandbox } from "./meta/meta.ts"
import { pinterestSandbox } from "./pinterest/pinterest.ts"
import { snapchatSandbox } from "./snapchat/snapchat.ts"
import { tiktokSandbox } from "./tiktok/tiktok.ts"
import { whatsappSandbox } from "./whatsapp/whatsapp.ts"

/** In the order of their ports. */
export const platformSandboxes = [
  metaSandbox,
  googleSandbox,
  tiktokSandbox,
  snapchatSandbox,
  whatsappSandbox,
  pinterestSandbox
] as const

type Registered = (typeof platformSandboxes)[number]

/** One server each. `google` is the Data Manager API, `google-ads` the legacy upload, `google-oauth` the token endpoint. */
export type SandboxPlatform = Registered["servers"][number]
export const sandboxPlatforms: ReadonlyArray<SandboxPlatform> = platformSandboxes.flatMap(({ servers }) => servers)

type Intersection<Union> = (Union extends unknown ? (one: Union) => void : never) extends (all: infer All) => void
  ? All
  : never

/** Every platform's options by their keys. */
export type PlatformOptions = Intersection<Registered["defaults"]>
export const platformDefaults = Object.assign(
  {},
  ...platformSandboxes.map(({ defaults }) => defaults)
) as PlatformOptions
