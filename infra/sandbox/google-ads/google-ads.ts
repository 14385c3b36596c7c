/** The Google Ads API's uploads, closed to projects without recent use of them. Rows fail one by one in a 200. */
import type { Problem } from "../check.ts"
import type { GoogleTokens } from "../google/tokens.ts"
import {
  type Answer,
  isObject,
  type Json,
  type JsonObject,
  json,
  type PlatformServer,
  parseJson,
  type SandboxRequest,
  type Situation
} from "../platform.ts"
import type { Deps } from "../platform-sandbox.ts"
import { makeRate, type RateOptions } from "../rate.ts"
import {
  type AdsError,
  adsFailure,
  adsRequestId,
  adsScripted,
  adsUnreadable,
  adsWholeFailure,
  tokenExpired
} from "./ads-error.ts"
import { adsErrorOf, resultOf, rowProblem, type Upload, uploads } from "./rows.ts"

export interface GoogleAdsOptions {
  /** A developer token is optional and ignored, but for this one: uploads of conversions are closed to its project. */
  readonly newDeveloperToken: string
  /** Whether the Google Cloud project may call production accounts. */
  readonly projectApproved: boolean
  readonly versions: ReadonlyArray<string>
  readonly conversionsMax: number
  readonly requests: RateOptions | null
}

export const googleAdsDefaults: GoogleAdsOptions = {
  newDeveloperToken: "sandbox-new-developer-token",
  projectApproved: true,
  versions: ["v23", "v24", "v25", "v26"],
  conversionsMax: 2000,
  requests: null
}

export const makeGoogleAds = (
  options: GoogleAdsOptions,
  { store, random }: Deps,
  tokens: GoogleTokens
): PlatformServer => {
  const rate = makeRate(options.requests)
  const newest = options.versions.at(-1) ?? "v26"

  const refuse = (status: number, grpcStatus: string, error: AdsError, version: string): Answer => {
    store.reject("google-ads", Object.values(error.errorCode)[0] ?? "unknown", 0)
    return adsWholeFailure(status, grpcStatus, error, version, random)
  }

  const answer = (request: SandboxRequest, situation: Situation): Answer => {
    const match = /^\/(v\d+)\/customers\/([^/:]+):(\w+)$/.exec(request.path)
    const upload = uploads[match?.[3] ?? ""]
    if (match === null || upload === undefined || request.method !== "POST") {
      store.reject("google-ads", "unknown_path", 0)
      return json(404, { error: { code: 404, message: "The requested URL was not found.", status: "NOT_FOUND" } })
    }
    const [, version, customer] = match as unknown as [string, string, string]
    const denied = denial(request, situation, version, customer, upload)
    if (denied !== null) return denied
    if (!rate.take(request.now)) {
      store.reject("google-ads", "throttled", 0)
      return adsScripted({ _tag: "Throttled", retryAfterSeconds: null }, version, random)
    }
    return take(request, situation, version, customer, upload)
  }

  const denial = (
    request: SandboxRequest,
    situation: Situation,
    version: string,
    customer: string,
    upload: Upload
  ): Answer | null => {
    const fail = (status: number, grpcStatus: string, category: string, name: string, message: string) =>
      refuse(status, grpcStatus, { errorCode: { [category]: name }, message }, version)
    if (!options.versions.includes(version))
      return refuse(
        400,
        "INVALID_ARGUMENT",
        {
          errorCode: { requestError: "UNSUPPORTED_VERSION" },
          message: `Version ${version} is deprecated. Requests to this version will be blocked.`
        },
        newest
      )
    const refusal = tokens.refusal(request, situation, "adwords")
    if (refusal === "unauthenticated") return refuse(401, "UNAUTHENTICATED", tokenExpired, version)
    if (refusal === "scope")
      return fail(
        403,
        "PERMISSION_DENIED",
        "authorizationError",
        "MISSING_SCOPE",
        "Request had insufficient authentication scopes."
      )
    if (!options.projectApproved)
      return fail(
        403,
        "PERMISSION_DENIED",
        "authorizationError",
        "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION",
        "The Google Cloud project is only approved for use with test accounts."
      )
    const login = request.headers["login-customer-id"]
    if (login !== undefined && !/^\d+$/.test(String(login)))
      return fail(
        400,
        "INVALID_ARGUMENT",
        "headerError",
        "INVALID_LOGIN_CUSTOMER_ID",
        "The login customer ID could not be validated."
      )
    if (!/^\d+$/.test(customer))
      return fail(400, "INVALID_ARGUMENT", "requestError", "INVALID_CUSTOMER_ID", "Invalid customer ID.")
    // The header is optional and else ignored: one that never uploaded stands for a project to which uploads are closed.
    if (upload.list === "conversions" && request.headers["developer-token"] === options.newDeveloperToken)
      return fail(
        403,
        "PERMISSION_DENIED",
        "notAllowlistedError",
        "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE",
        "Customer is not allowlisted for accessing this feature."
      )
    return null
  }

  const take = (
    request: SandboxRequest,
    situation: Situation,
    version: string,
    customer: string,
    upload: Upload
  ): Answer => {
    const body = parseJson(request.body)
    if (!isObject(body)) return adsUnreadable("", "Invalid JSON payload received.")
    const extra = Object.keys(body).find(
      (key) => !["partialFailure", "validateOnly", "jobId", upload.list].includes(key)
    )
    if (extra !== undefined) {
      store.reject("google-ads", "unknown_name", 0)
      return adsUnreadable("", `Invalid JSON payload received. Unknown name "${extra}": Cannot find field.`)
    }
    const rows = Array.isArray(body[upload.list]) ? (body[upload.list] as ReadonlyArray<Json>) : []
    const requestError = (name: string, message: string) =>
      refuse(400, "INVALID_ARGUMENT", { errorCode: { requestError: name }, message }, version)
    if (rows.length === 0) return requestError("REQUIRED_FIELD_MISSING", "Required field is missing.")
    if (rows.length > options.conversionsMax)
      return refuse(
        400,
        "INVALID_ARGUMENT",
        { errorCode: { [upload.category]: tooMany[upload.list] }, message: "Too many conversions in the request." },
        version
      )
    if (body.partialFailure !== true)
      return refuse(
        400,
        "INVALID_ARGUMENT",
        {
          errorCode: { partialFailureError: "PARTIAL_FAILURE_MODE_REQUIRED" },
          message: "The partial failure field must be true."
        },
        version
      )

    const errors: Array<AdsError> = []
    const results: Array<JsonObject> = []
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index] as JsonObject
      const problem = rowProblem(row, request.now, upload, situation)
      if (problem?.kind === "unknown")
        return adsUnreadable(
          `${upload.list}[${index}]`,
          `Invalid JSON payload received. Unknown name "${problem.message}" at '${upload.list}[${index}]': Cannot find field.`
        )
      const error = problem === null ? receive(row, request.now, customer, upload, body.validateOnly === true) : problem
      if (error === null) {
        results.push(body.validateOnly === true ? {} : resultOf(row))
      } else {
        results.push({})
        errors.push(adsErrorOf(error, upload, index))
        store.reject("google-ads", error.reason ?? error.kind, 1)
      }
    }
    const requestId = adsRequestId(random)
    const partial = {
      partialFailureError: {
        code: 3,
        message: `${errors[0]?.message}, at ${upload.list}[${errors[0]?.location?.index}]`,
        details: [adsFailure(version, errors, requestId)]
      }
    }
    return json(
      200,
      {
        ...(errors.length > 0 ? partial : {}),
        ...(body.validateOnly === true ? {} : { results }),
        jobId: String(body.jobId ?? `4${random.characters(9, "0123456789")}`)
      },
      { "request-id": requestId }
    )
  }

  /** Takes a good row; a repeat of an order id is a row's error. */
  const receive = (row: JsonObject, now: number, customer: string, upload: Upload, dryRun: boolean): Problem | null => {
    if (dryRun) return null
    const id = typeof row.orderId === "string" ? row.orderId : null
    const click = row.gclid ?? row.gbraid ?? row.wbraid
    const action = String(row.conversionAction)
    const type = upload.list === "conversions" ? "" : `\t${row.adjustmentType}`
    const own = id ?? (click === undefined ? null : `${click}\t${row[upload.time]}`)
    const duplicate = store.receive("google-ads", {
      asset: customer,
      event_name: action,
      event_id: id,
      received_at: now,
      key: own === null ? null : `${customer}\t${action}\t${own}${type}`,
      body: row
    })
    if (!duplicate) return null
    if (upload.list === "conversionAdjustments")
      return {
        path: "orderId",
        kind: "count",
        reason: "CONVERSION_ALREADY_ENHANCED",
        message: "The conversion was already enhanced."
      }
    return id === null
      ? {
          path: "gclid",
          kind: "count",
          reason: "CLICK_CONVERSION_ALREADY_EXISTS",
          message: "This conversion already exists."
        }
      : {
          path: "orderId",
          kind: "count",
          reason: "ORDER_ID_ALREADY_IN_USE",
          message: "The order ID is already in use."
        }
  }

  return {
    platform: "google-ads",
    eventKey: '"conversionAction":',
    idKey: '"orderId":',
    answer,
    fail: (failure) => adsScripted(failure, newest, random),
    uncheckedAnswer: (events) => json(200, { results: Array.from({ length: events }, () => ({})), jobId: "1" }),
    reset: rate.reset
  }
}

const tooMany = {
  conversions: "TOO_MANY_CONVERSIONS_IN_REQUEST",
  conversionAdjustments: "TOO_MANY_ADJUSTMENTS_IN_REQUEST"
}
