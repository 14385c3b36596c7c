/**
 * The texts of a connection's issues: what is wrong, since when, how many events wait, when the oldest of them expires, and what to
 * do. Times are UTC.
 */
import type { ConnectorState } from "../../schemas/types.gen.ts"
import { stepToSet } from "../../shared/credentials/step-to-set.ts"
import type { Backlog } from "./backlog.ts"

export interface IssueContext {
  readonly connectionId: string
  readonly platform: string
  /** `env:NAME` or `store:name`; null for a connection that is not in the file. */
  readonly credential: string | null
  /** Null where it is not known. */
  readonly backlog: Backlog | null
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** The platform refuses the credential. */
export const authIssue = (state: ConnectorState, since: number, context: IssueContext): string =>
  sentence([
    `access token refused since ${timeOf(since, context.now)}${reasonOf(state)}`,
    waitingOf(context),
    credentialStep(context)
  ])

/** The platform refuses the account or another key of the connection, or the master key is another one. */
export const configurationIssue = (state: ConnectorState, since: number, context: IssueContext): string =>
  sentence([
    `configuration refused since ${timeOf(since, context.now)}${reasonOf(state)}`,
    waitingOf(context),
    `correct it; \`./capi connect test ${context.connectionId}\` says what the platform refuses`
  ])

/** The credential still works: everything goes on if it is changed in time. */
export const expiryIssue = (expiresAt: number, context: IssueContext): string =>
  sentence([
    expiresAt <= context.now
      ? `credential has expired on ${dayOf(expiresAt)}`
      : `credential expires on ${dayOf(expiresAt)}, in ${Math.floor((expiresAt - context.now) / 86_400_000)} days`,
    credentialStep(context)
  ])

/** A test's setting is still there. */
export const testIssue = (context: IssueContext): string =>
  sentence([
    "events are sent as tests, since test_event_code is set: the platform does not record them as conversions, or marks them",
    `once the test is done, remove it from the connection ${context.connectionId}, and publish again what has to count`
  ])

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10)

export const circuitIssue = (state: ConnectorState, since: number, context: IssueContext): string =>
  sentence([
    state.circuit_state === "OPEN"
      ? `circuit is OPEN, the platform has failed since ${timeOf(since, context.now)}`
      : `circuit is HALF_OPEN, the platform is tried with few events since ${timeOf(since, context.now)}`,
    waitingOf(context),
    `nothing is lost, it is tried again by itself; \`./capi connect test ${context.connectionId}\` shows what the platform answers`
  ])

export const stalledIssue = (since: number, context: IssueContext): string =>
  sentence([
    `no event was decided since ${timeOf(since, context.now)} although events wait`,
    waitingOf(context),
    `see that delivery-${context.platform} runs (\`./capi run delivery-${context.platform}\`): its /readyz and log say what it waits for`
  ])

export const ageIssue = (percent: number, context: IssueContext): string =>
  sentence([
    percent >= 100
      ? "the oldest waiting event is past the platform's age limit"
      : `the oldest waiting event has used ${Math.floor(percent)} % of the platform's age limit`,
    waitingOf(context),
    `what is not delivered by then is lost to the platform; \`./capi health --check ${context.connectionId}\` says what holds it up`
  ])

/** `percent` of the attempts succeeded; `reasons` are those of the failures. */
export const rateIssue = (
  percent: number,
  failed: number,
  attempted: number,
  healthyPercent: number,
  reasons: ReadonlyMap<string, number>,
  context: IssueContext
): string => {
  const [most] = [...reasons].sort((left, right) => right[1] - left[1])
  return sentence([
    `success rate is ${percent} % in the last hour (${failed} of ${attempted} failed${most === undefined ? "" : `, ${most[1]} as ${most[0]}`}), below ${healthyPercent} %`,
    `\`./capi results --connection ${context.connectionId} --summary\` has every reason`
  ])
}

export const latencyIssue = (millis: number, healthyMillis: number, context: IssueContext): string =>
  sentence([
    `mean latency is ${millis} ms in the last hour, not below ${healthyMillis} ms`,
    waitingOf(context),
    "events are late, not lost: if other connections are fast, it is the platform"
  ])

/** `3,120 events wait, the oldest expires in 6 d 4 h`; null where none waits or it is not known. */
const waitingOf = ({ backlog, now }: IssueContext): string | null => {
  if (backlog === null || backlog.events === 0) return null
  const { events, isMinimum, urgent, since } = backlog
  const many = `${isMinimum ? "at least " : ""}${events.toLocaleString("en-US")} event${events === 1 && !isMinimum ? " waits" : "s wait"}`
  if (urgent !== null)
    return urgent.expiresAt > now
      ? `${many}, the oldest expires in ${spanOf(urgent.expiresAt - now)}`
      : `${many}, the oldest expired ${spanOf(now - urgent.expiresAt)} ago`
  return since === null ? many : `${many}, the oldest for ${spanOf(now - since)}`
}

const credentialStep = ({ connectionId, platform, credential }: IssueContext): string =>
  credential === null
    ? `set a new one; \`./capi connect test ${connectionId}\` tries it`
    : stepToSet(credential, "a new one", `delivery-${platform}`)

const reasonOf = ({ message }: ConnectorState): string => (message === null ? "" : ` (${message.replace(/\.$/, "")})`)

const sentence = (parts: ReadonlyArray<string | null>): string => parts.filter((part) => part !== null).join("; ")

/** `10:42 UTC`, with its date where that is another day than now's. Both in milliseconds since the epoch. */
const timeOf = (millis: number, now: number): string => {
  const text = new Date(millis).toISOString()
  const time = `${text.slice(11, 16)} UTC`
  return text.slice(0, 10) === new Date(now).toISOString().slice(0, 10) ? time : `${text.slice(0, 10)} ${time}`
}

/** `6 d 4 h`, `3 h 12 min`, `12 min`, `45 s`. */
export const spanOf = (millis: number): string => {
  const seconds = Math.max(0, Math.floor(millis / 1_000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const days = Math.floor(hours / 24)
  if (days > 0) return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`
  if (hours > 0) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return minutes > 0 ? `${minutes} min` : `${seconds} s`
}
