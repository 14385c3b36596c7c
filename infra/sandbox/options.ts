/** What the sandbox can be told at start; every default is what the platform documents today. */
import type { RateOptions } from "./rate.ts"
import type { StoreOptions } from "./store.ts"

/** Accounts' identifiers the platform knows; null: any well-formed one. */
export type Assets = ReadonlyArray<string> | null

export interface SandboxOptions {
  readonly host: string
  /** The first port; the servers take the ones after it. 0: free ones. */
  readonly port: number
  readonly seed: number
  /** `off` counts event ids without parsing, for benchmarks. */
  readonly validation: "documented" | "off"
  readonly store: StoreOptions
  readonly bodyBytesMax: number
  readonly meta: MetaOptions
  readonly google: GoogleOptions
  readonly googleAds: GoogleAdsOptions
  readonly tiktok: TikTokOptions
  readonly snapchat: SnapchatOptions
  readonly whatsapp: WhatsAppOptions
}

export interface MetaOptions {
  readonly tokens: ReadonlyArray<string>
  readonly assets: Assets
  /** Where set, `appsecret_proof` is required and checked. */
  readonly appSecret: string | null
  readonly versions: ReadonlyArray<string>
  readonly eventsMax: number
  /** Calls an hour that stand for 100 % in the usage headers. */
  readonly callsPerHour: number | null
  readonly ageDaysMax: number
  readonly physicalStoreAgeDaysMax: number
  /** The documentation requires it; the live service has been seen to take events without. */
  readonly websiteWithoutUserAgent: "reject" | "warn"
}

export interface GoogleOptions {
  readonly clientId: string
  readonly clientSecret: string
  /** Refresh token → the scopes it was granted. */
  readonly refreshTokens: Readonly<Record<string, string>>
  /** Access tokens that are valid without a refresh, with both scopes. */
  readonly accessTokens: ReadonlyArray<string>
  readonly accessTokenSeconds: number
  readonly assets: Assets
  readonly eventsMax: number
  readonly requestsPerMinute: number | null
  readonly requestsPerDay: number | null
  readonly ageDaysMax: number
  /** How long a request stays PROCESSING. */
  readonly processingMillis: number
  /** A repeated transaction id: an asynchronous error, or a supplement of the first. */
  readonly duplicates: "error" | "update"
}

export interface GoogleAdsOptions {
  /** A developer token is optional and ignored, but for this one: uploads of conversions are closed to its project. */
  readonly newDeveloperToken: string
  /** Whether the Google Cloud project may call production accounts. */
  readonly projectApproved: boolean
  readonly versions: ReadonlyArray<string>
  readonly conversionsMax: number
  readonly requests: RateOptions | null
}

export interface TikTokOptions {
  readonly tokens: ReadonlyArray<string>
  readonly assets: Assets
  readonly eventsMax: number
  readonly requestsPerSecond: number | null
  readonly requestsPerMinute: number | null
  readonly offlineAgeDaysMax: number
}

export interface SnapchatOptions {
  readonly tokens: ReadonlyArray<string>
  readonly assets: Assets
  readonly eventsMax: number
  /** No documented rate: none by default. */
  readonly requests: RateOptions | null
  readonly ageDaysMax: number
  /** Not documented: clients must judge by the body. */
  readonly invalidStatus: number
}

export interface WhatsAppOptions {
  readonly tokens: ReadonlyArray<string>
  readonly assets: Assets
  readonly versions: ReadonlyArray<string>
  readonly messagesPerSecond: number | null
  readonly pairWindowMillis: number
  /** Known template names; null: any. */
  readonly templates: ReadonlyArray<string> | null
  /** Templates of the category authentication: they go to phone numbers alone. */
  readonly authenticationTemplates: ReadonlyArray<string>
  readonly webhook: WebhookOptions | null
  /** Time from the answer to each later status. */
  readonly statusDelayMillis: number
}

export interface WebhookOptions {
  readonly url: string
  /** Key of X-Hub-Signature-256. */
  readonly appSecret: string
}

const graphVersions = ["v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0"]
const googleScopes = "https://www.googleapis.com/auth/datamanager https://www.googleapis.com/auth/adwords"

export const sandboxDefaults: SandboxOptions = {
  host: "127.0.0.1",
  port: 0,
  seed: 1,
  validation: "documented",
  store: { bodiesMax: 10_000, idsMax: 200_000 },
  bodyBytesMax: 64 * 1024 * 1024,
  meta: {
    tokens: ["sandbox-meta-token"],
    assets: null,
    appSecret: null,
    versions: graphVersions,
    eventsMax: 1000,
    callsPerHour: 200_000,
    ageDaysMax: 7,
    physicalStoreAgeDaysMax: 62,
    websiteWithoutUserAgent: "warn"
  },
  google: {
    clientId: "sandbox-client-id",
    clientSecret: "sandbox-client-secret",
    refreshTokens: { "sandbox-refresh-token": googleScopes },
    accessTokens: ["sandbox-google-token"],
    accessTokenSeconds: 3599,
    assets: null,
    eventsMax: 2000,
    requestsPerMinute: 300,
    requestsPerDay: 100_000,
    ageDaysMax: 90,
    processingMillis: 1000,
    duplicates: "error"
  },
  googleAds: {
    newDeveloperToken: "sandbox-new-developer-token",
    projectApproved: true,
    versions: ["v23", "v24", "v25", "v26"],
    conversionsMax: 2000,
    requests: null
  },
  tiktok: {
    tokens: ["sandbox-tiktok-token"],
    assets: null,
    eventsMax: 1000,
    requestsPerSecond: 1000,
    requestsPerMinute: 600_000,
    offlineAgeDaysMax: 28
  },
  snapchat: {
    tokens: ["sandbox-snapchat-token"],
    assets: null,
    eventsMax: 2000,
    requests: null,
    ageDaysMax: 37,
    invalidStatus: 400
  },
  whatsapp: {
    tokens: ["sandbox-whatsapp-token"],
    assets: null,
    versions: graphVersions,
    messagesPerSecond: 80,
    pairWindowMillis: 6000,
    templates: null,
    authenticationTemplates: [],
    webhook: null,
    statusDelayMillis: 200
  }
}

/** Options with some left out, two levels deep. */
export type PartialSandboxOptions = {
  readonly [K in keyof SandboxOptions]?: SandboxOptions[K] extends string | number
    ? SandboxOptions[K]
    : Partial<SandboxOptions[K]>
}

/** Completes what was given with the defaults. */
export const withDefaults = (given: PartialSandboxOptions): SandboxOptions => ({
  ...sandboxDefaults,
  ...given,
  store: { ...sandboxDefaults.store, ...given.store },
  meta: { ...sandboxDefaults.meta, ...given.meta },
  google: { ...sandboxDefaults.google, ...given.google },
  googleAds: { ...sandboxDefaults.googleAds, ...given.googleAds },
  tiktok: { ...sandboxDefaults.tiktok, ...given.tiktok },
  snapchat: { ...sandboxDefaults.snapchat, ...given.snapchat },
  whatsapp: { ...sandboxDefaults.whatsapp, ...given.whatsapp }
})
