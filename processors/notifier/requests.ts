/** The requests of each kind of receiver, as its documentation has them. Pure but for the time of a signature. */
import { createHash, createHmac } from "node:crypto"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { HttpRequestSpec } from "../../shared/connectors/connector.ts"
import type { Receiver, ReceiverKind } from "./notifications-file.ts"
import type { Problem, Severity } from "./problem.ts"
import type { Pending } from "./state.ts"

export interface RequestContext {
  readonly receiver: Receiver
  readonly url: Redacted.Redacted
  /** See `Receiver.secret`. */
  readonly secret: Redacted.Redacted | null
  /** The topics' prefix, by which deployments that share a receiver differ. */
  readonly deployment: string
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** One request, and what its receiver has taken when it has answered with success. */
export interface Notification {
  readonly pending: ReadonlyArray<Pending>
  readonly request: HttpRequestSpec
}

/** The requests for what a group has pending: one, or several where the API takes no more in one. */
export const notificationsOf = (
  pending: ReadonlyArray<Pending>,
  context: RequestContext
): ReadonlyArray<Notification> => {
  const { kind } = context.receiver
  const build = builders[kind]
  const chunks =
    kind === "pagerduty" ? pending.map((one) => [one]) : kind === "slack" ? slackChunks(pending, context) : [pending]
  return chunks.map((chunk) => ({ pending: chunk, request: build(chunk, context) }))
}

type Build = (pending: ReadonlyArray<Pending>, context: RequestContext) => HttpRequestSpec

const post = (url: Redacted.Redacted, body: string, more: Partial<HttpRequestSpec> = {}): HttpRequestSpec => ({
  method: "POST",
  url: Redacted.value(url),
  headers: { "content-type": "application/json" },
  secretHeaders: {},
  secretParams: {},
  body,
  ...more
})

/** Slack's incoming webhooks: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
const slack: Build = (pending, { url, deployment }) =>
  post(url, JSON.stringify({ text: pending.map((one) => slackLine(one, deployment)).join("\n") }))

const slackLine = ({ problem, kind }: Pending, deployment: string): string => {
  const title = deployment === "" ? "" : ` (${deployment.replace(/\.$/, "")})`
  const line = `${slackMarks[kind](problem)} ${escapeSlack(problem.message)}${title}`
  return line.length > slackTextMax ? `${line.slice(0, slackTextMax - 1)}…` : line
}

/** As many problems in one message as fit: of a text that is cut no one would see the last ones. */
const slackChunks = (
  pending: ReadonlyArray<Pending>,
  { deployment }: RequestContext
): ReadonlyArray<ReadonlyArray<Pending>> => {
  const chunks: Array<Array<Pending>> = []
  let length = Number.POSITIVE_INFINITY
  for (const one of pending) {
    const added = slackLine(one, deployment).length + 1
    if (length + added > slackTextMax) {
      chunks.push([])
      length = 0
    }
    chunks.at(-1)!.push(one)
    length += added
  }
  return chunks
}

/** Slack cuts a text beyond 40,000 characters. */
const slackTextMax = 39_000
const slackMarks: Readonly<Record<Pending["kind"], (problem: Problem) => string>> = {
  began: ({ severity }) => (severity === "critical" ? ":red_circle: *Critical*" : ":large_orange_circle: *Warning*"),
  changed: ({ severity }) => (severity === "critical" ? ":red_circle: *Critical*" : ":large_orange_circle: *Warning*"),
  repeated: ({ severity }) => `:repeat: *Still ${severity ?? "open"}*`,
  ended: () => ":large_green_circle: *Resolved*"
}
const escapeSlack = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** Events API v2: https://developer.pagerduty.com/docs/send-alert-event */
const pagerduty: Build = ([first], { url, secret, deployment }) => {
  const { problem, kind } = first!
  const key = { dedup_key: `capi-relay/${deployment}${problem.key}` }
  const event =
    kind === "ended"
      ? { event_action: "resolve", ...key }
      : {
          event_action: "trigger",
          ...key,
          client: "capi-relay",
          payload: {
            summary: problem.message.slice(0, 1_024),
            source: `capi-relay${deployment === "" ? "" : ` ${deployment}`}`,
            severity: problem.severity ?? "warning",
            timestamp: new Date(problem.changedAt).toISOString(),
            component: problem.connectionId,
            ...(problem.platform === "" ? {} : { group: problem.platform }),
            class: problem.cause,
            custom_details: { issues: problem.issues, started_at: new Date(problem.startedAt).toISOString() }
          }
        }
  return post(url, JSON.stringify({ routing_key: secret === null ? "" : Redacted.value(secret), ...event }))
}

/** API v2: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml */
const alertmanager: Build = (pending, { url, secret, deployment, now }) => {
  const alerts = pending.flatMap(({ problem, kind, receipt }) => {
    const of = (severity: Severity, endsAt: number) => ({
      labels: {
        alertname: alertNames[problem.series],
        connection: problem.connectionId,
        severity,
        ...(problem.platform === "" ? {} : { platform: problem.platform }),
        ...(deployment === "" ? {} : { deployment: deployment.replace(/\.$/, "") })
      },
      annotations: {
        summary: problem.message,
        cause: problem.cause,
        ...(problem.issues.length === 0 ? {} : { description: problem.issues.join("\n") })
      },
      startsAt: new Date(Math.min(problem.startedAt, endsAt)).toISOString(),
      endsAt: new Date(endsAt).toISOString()
    })
    const known = receipt.severity
    // The severity is a label: an alert of another severity is another alert.
    const before =
      known !== null && known !== problem.severity && kind !== "ended"
        ? [of(known, Math.min(now, problem.changedAt))]
        : []
    if (kind !== "ended" && problem.severity !== null)
      return [...before, of(problem.severity, now + Duration.toMillis(alertmanagerHolds))]
    return [of(known ?? problem.lastSeverity, Math.min(now, problem.changedAt))]
  })
  return post(url, JSON.stringify(alerts), {
    url: `${Redacted.value(url).replace(/\/$/, "")}/api/v2/alerts`,
    ...(secret === null ? {} : { secretHeaders: { authorization: bearer(secret) } })
  })
}

/** An alert ends by itself unless it is sent again, each minute: the notifier's end must not leave it open for ever. */
const alertmanagerHolds = Duration.minutes(5)
const alertNames: Readonly<Record<Problem["series"], string>> = {
  status: "CapiConnectionHealth",
  age_limit: "CapiEventsExpire",
  ledger: "CapiLedgerUnbalanced",
  notifier: "CapiNotifierFails"
}
const bearer = (token: Redacted.Redacted) => Redacted.make(`Bearer ${Redacted.value(token)}`)

/** Plain JSON. Its signature covers the time, so that a receiver can refuse what was recorded and sent again. */
const webhook: Build = (pending, { url, secret, deployment, now }) => {
  const body = JSON.stringify({
    version: 1,
    deployment,
    alerts: pending.map(({ problem, kind }) => ({
      id: `${problem.key}/${problem.change}`,
      problem: problem.key,
      event: kind,
      connection_id: problem.connectionId,
      platform: problem.platform,
      series: problem.series,
      severity: kind === "ended" ? null : problem.severity,
      cause: problem.cause,
      message: problem.message,
      issues: problem.issues,
      started_at: problem.startedAt,
      changed_at: problem.changedAt
    }))
  })
  // A reminder has the body of the one before, and is another delivery.
  const taken = pending.map(({ receipt }) => receipt.at ?? "").join(" ")
  const delivery = createHash("sha256").update(`${taken} ${body}`).digest("hex").slice(0, 32)
  const seconds = String(Math.floor(now / 1_000))
  return post(url, body, {
    headers: {
      "content-type": "application/json",
      "x-capi-delivery": delivery,
      "x-capi-timestamp": seconds,
      "x-capi-signature": `sha256=${signatureOf(secret === null ? "" : Redacted.value(secret), seconds, body)}`
    }
  })
}

/** HMAC-SHA256 of `<timestamp>.<body>`, in hexadecimal. */
export const signatureOf = (secret: string, timestampSeconds: string, body: string): string =>
  createHmac("sha256", secret).update(`${timestampSeconds}.${body}`).digest("hex")

const builders: Readonly<Record<ReceiverKind, Build>> = { slack, pagerduty, alertmanager, webhook }

/** Where a kind's address is the same for everyone. */
export const defaultUrls: Readonly<Partial<Record<ReceiverKind, string>>> = {
  pagerduty: "https://events.pagerduty.com/v2/enqueue"
}
