import type { ConnectorKind } from "../model/platform.ts"
import type { ClickId, Connector } from "./connector.ts"
import { google } from "./google/connector.ts"
import { googleAds } from "./google-ads/connector.ts"
import { meta } from "./meta/connector.ts"
import { pinterest } from "./pinterest/connector.ts"
import { snapchat } from "./snapchat/connector.ts"
import { tiktok } from "./tiktok/connector.ts"
import { whatsapp } from "./whatsapp/connector.ts"

/** Every connector, by its kind. */
export const connectors: Readonly<Record<ConnectorKind, Connector>> = {
  meta,
  google,
  "google-ads": googleAds,
  tiktok,
  snapchat,
  whatsapp,
  pinterest
}

export const connectorFor = (kind: ConnectorKind): Connector => connectors[kind]

/** What the platforms' links put into the URL of a page, each once. */
export const clickIds: ReadonlyArray<ClickId> = [
  ...new Map(
    Object.values(connectors)
      .flatMap((connector) => connector.clickIds)
      .map((clickId) => [clickId.parameter, clickId])
  ).values()
]
