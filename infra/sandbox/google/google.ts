/** Google's three addresses: the Data Manager API, Google Ads uploads, and the token endpoint that both trust. */
import { type GoogleAdsOptions, googleAdsDefaults, makeGoogleAds } from "../google-ads/google-ads.ts"
import { platformSandbox } from "../platform-sandbox.ts"
import { type DataManagerOptions, makeDataManager } from "./data-manager.ts"
import { type GoogleTokenOptions, makeGoogleTokens } from "./tokens.ts"

const scopes = "https://www.googleapis.com/auth/datamanager https://www.googleapis.com/auth/adwords"

const defaults: GoogleTokenOptions & DataManagerOptions = {
  clientId: "sandbox-client-id",
  clientSecret: "sandbox-client-secret",
  refreshTokens: { "sandbox-refresh-token": scopes },
  accessTokens: ["sandbox-google-token"],
  accessTokenSeconds: 3599,
  assets: null,
  eventsMax: 2000,
  requestsPerMinute: 300,
  requestsPerDay: 100_000,
  ageDaysMax: 90,
  processingMillis: 1000,
  duplicates: "error"
}

export const googleSandbox = platformSandbox({
  servers: ["google", "google-ads", "google-oauth"],
  defaults: { google: defaults, googleAds: googleAdsDefaults as GoogleAdsOptions },
  make: ({ google, googleAds }, deps) => {
    const tokens = makeGoogleTokens(google, deps)
    return [makeDataManager(google, deps, tokens), makeGoogleAds(googleAds, deps, tokens), tokens.server]
  },
  credentials: ({ google }) => {
    const secret = {
      client_id: google.clientId,
      client_secret: google.clientSecret,
      refresh_token: Object.keys(google.refreshTokens)[0]!
    }
    return {
      google: { variable: "GOOGLE_CREDENTIAL", secret },
      "google-ads": { variable: "GOOGLE_ADS_CREDENTIAL", secret }
    }
  }
})
