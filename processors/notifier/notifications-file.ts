/** `notifications.yaml`: who is notified of what. Read once at the start, or every problem with its line, column and key. */
import { readFile } from "node:fs/promises"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import { suggestion } from "../../shared/connections/did-you-mean.ts"
import { readDuration } from "../../shared/connections/duration-text.ts"
import {
  boolean,
  camelGroup,
  choice,
  decodeOptions,
  duration,
  type Field,
  integer,
  invalid,
  list,
  optional,
  refine,
  reportIssue,
  string
} from "../../shared/connections/fields.ts"
import { notUtf8 } from "../../shared/connections/not-utf8.ts"
import {
  ConnectionsError,
  formatProblem,
  isGroup,
  type Problem,
  quote,
  YamlTree
} from "../../shared/connections/yaml-tree.ts"
import { isReference, referenceForms } from "../../shared/credentials/credential.ts"
import { unmatchedPatterns } from "./connection-patterns.ts"
import { type Series, type Severity, seriesNames, severities } from "./problem.ts"

const receiverKinds = ["slack", "pagerduty", "alertmanager", "webhook"] as const
export type ReceiverKind = (typeof receiverKinds)[number]

export interface Receiver {
  readonly id: string
  readonly kind: ReceiverKind
  /** An address, or a reference to one where the address is a secret. Null: the kind's default. */
  readonly url: string | null
  /** PagerDuty's routing key, the secret of a webhook's signature, or Alertmanager's bearer token: a reference. */
  readonly secret: string | null
  readonly timeout: Duration.Duration
}

export interface Route {
  readonly receivers: ReadonlyArray<string>
  readonly match: Matcher
  /** Changes of a group that come within `groupWait` go together. */
  readonly groupBy: "connection" | "platform" | "all"
  readonly groupWait: Duration.Duration
  /** A problem that goes on is sent again after it; null never. */
  readonly repeat: Duration.Duration | null
  /** Whether the end of a problem is sent. */
  readonly resolved: boolean
}

/** Empty lists match everything; connections may end with `*`. */
export interface Matcher {
  readonly connections: ReadonlyArray<string>
  readonly severities: ReadonlyArray<Severity>
  readonly series: ReadonlyArray<Series>
}

export interface Silence {
  readonly match: Matcher
  /** Milliseconds since the epoch. */
  readonly from: number
  readonly until: number
  readonly comment: string | null
}

export interface Notifications {
  readonly receivers: ReadonlyArray<Receiver>
  readonly routes: ReadonlyArray<Route>
  readonly silences: ReadonlyArray<Silence>
}

/** Reads the file; null where it does not exist or holds nothing. */
export const loadNotifications = (file: string): Effect.Effect<Notifications | null, ConnectionsError> =>
  Effect.tryPromise({
    try: () => readFile(file),
    catch: (cause) => cause as NodeJS.ErrnoException
  }).pipe(
    Effect.flatMap((bytes) => {
      const problem = notUtf8(bytes)
      if (problem !== null) return Effect.fail(wrong(file, [problem]))
      const text = bytes.toString("utf8")
      return text.trim() === "" ? Effect.succeed(null) : Effect.fromResult(parseNotifications(file, text))
    }),
    Effect.catchIf(
      (error): error is NodeJS.ErrnoException => !(error instanceof ConnectionsError),
      (cause) => (cause.code === "ENOENT" ? Effect.succeed(null) : Effect.fail(unreadable(file, cause)))
    )
  )

/** Checks a text; `file` is its name in messages. */
export const parseNotifications = (file: string, text: string): Result.Result<Notifications, ConnectionsError> => {
  const { notifications, problems } = checkNotifications(text)
  return notifications !== null ? Result.succeed(notifications) : Result.fail(wrong(file, problems))
}

const wrong = (file: string, problems: ReadonlyArray<Problem>): ConnectionsError => {
  const errors = problems.filter(({ severity }) => severity === "error")
  const [first] = errors
  return new ConnectionsError({
    code: "invalid",
    file,
    problems,
    message: `${first === undefined ? `${file} is empty.` : formatProblem(file, first)}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ""}`,
    nextStep: `Correct ${file}; docs/health.md describes every key.`,
    cause: null
  })
}

/**
 * What a text holds, null where it has errors, and every problem with its place. Where the ids of connections are known, a pattern that
 * none of them fits is a warning: its route would notify of nothing.
 */
export const checkNotifications = (
  text: string,
  connectionIds: ReadonlyArray<string> | null = null
): { readonly notifications: Notifications | null; readonly problems: ReadonlyArray<Problem> } => {
  // Secrets are references, so nothing of the environment is substituted.
  const yaml = new YamlTree(text, {})
  const found = yaml.broken ? null : readRoot(yaml)
  if (found !== null && connectionIds !== null) warnOfUnmatched(yaml, found, connectionIds)
  const hasErrors = yaml.problems.some(({ severity }) => severity === "error")
  return { notifications: hasErrors ? null : found, problems: yaml.problems }
}

const warnOfUnmatched = (yaml: YamlTree, found: Notifications, ids: ReadonlyArray<string>): void => {
  const message = (pattern: string) => `No connection fits ${quote(pattern)}.${suggestion(pattern, ids)}`
  for (const { path, pattern } of unmatchedPatterns(found, ids))
    yaml.warn(yaml.placeOf(yaml.root, yaml.rootPlace, path), message(pattern))
}

const readRoot = (yaml: YamlTree): Notifications | null => {
  const { root, rootPlace } = yaml
  if (!isGroup(root)) {
    yaml.error(rootPlace, "The file holds no keys.", "version: 1, receivers: […] and routes: […]")
    return null
  }
  const read = decode(root)
  if (Result.isFailure(read)) {
    reportIssue(yaml, root, rootPlace, read.failure)
    return null
  }
  const { receivers, routes, silences } = read.success
  const ids = receivers.map(({ id }) => id)
  for (const [index, id] of ids.entries())
    if (ids.indexOf(id) !== index)
      yaml.error(yaml.placeOf(root, rootPlace, ["receivers", index, "id"]), `Another receiver has the id ${quote(id)}.`)
  for (const [index, route] of routes.entries())
    for (const [position, id] of route.receivers.entries())
      if (!ids.includes(id))
        yaml.error(
          yaml.placeOf(root, rootPlace, ["routes", index, "receivers", position]),
          `There is no receiver ${quote(id)}.${suggestion(id, ids)}`,
          ids.join(", ")
        )
  return { receivers, routes, silences }
}

type OrIssue<A> = A | SchemaIssue.Issue

const reference = (what: string) =>
  refine(
    string(referenceForms),
    (text): OrIssue<string> =>
      // It may be the secret itself, so it is not repeated.
      isReference(text) ? text : invalid(`${what} is a secret: it must be a reference.`, referenceForms)
  )

const isAddress = (text: string): boolean => {
  const url = URL.canParse(text) ? new URL(text) : null
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
}

const addressOrReference = refine(
  string("an address, or a reference to one"),
  (text): OrIssue<string> =>
    isReference(text) || isAddress(text)
      ? text
      : invalid(
          "This is neither an http(s) address without a password nor a reference.",
          `https://…, ${referenceForms}`
        )
)

const idForm = "a-z, 0-9 and dashes, at most 63, beginning with a letter or digit"
const id = refine(
  string(idForm),
  (text): OrIssue<string> =>
    /^[a-z0-9][a-z0-9-]{0,62}$/.test(text) ? text : invalid(`${quote(text)} is not an id.`, idForm)
)

const receiver: Field<Receiver> = refine(
  camelGroup({
    id,
    kind: choice(receiverKinds),
    url: optional(addressOrReference, null),
    routing_key: optional(reference("The routing key"), null),
    secret: optional(reference("The secret"), null),
    token: optional(reference("The token"), null),
    timeout: optional(duration, Duration.seconds(10))
  }),
  ({ id, kind, url, routingKey, secret, token, timeout }): OrIssue<Receiver> => {
    const of = (key: string | null): Receiver => ({ id, kind, url, secret: key, timeout })
    switch (kind) {
      case "slack":
        if (url === null || !isReference(url))
          return invalid("Slack's webhook address is a secret: url must be a reference.", referenceForms, ["url"])
        return of(null)
      case "pagerduty":
        return routingKey === null
          ? invalid("PagerDuty needs its routing_key.", "routing_key: env:NAME")
          : of(routingKey)
      case "alertmanager":
        return url === null ? invalid("Alertmanager needs its url.", "url: http://alertmanager:9093") : of(token)
      case "webhook":
        if (url === null) return invalid("A webhook needs its url.", "url: https://…")
        return secret === null ? invalid("A webhook needs a secret that signs it.", "secret: env:NAME") : of(secret)
    }
  }
)

const pattern = refine(
  string("a connection's id, which may end with *"),
  (text): OrIssue<string> =>
    /^[a-z0-9-]*\*?$/.test(text) ? text : invalid(`${quote(text)} is not a connection's id.`, "meta-eu, meta-*")
)

const matcherKeys = {
  connections: optional(list(pattern), []),
  severities: optional(list(choice(severities)), []),
  series: optional(list(choice(seriesNames)), [])
}

const never = "never"
const repeat: Field<Duration.Duration | null> = refine(string("a duration, or never"), (text) => {
  if (text === never) return null
  return readDuration(text) ?? invalid(`${quote(text)} is not a duration.`, "30 minutes, 4 hours, never")
})

const route: Field<Route> = refine(
  camelGroup({
    receivers: list(string("ids of receivers")),
    ...matcherKeys,
    group_by: optional(choice(["connection", "platform", "all"]), "connection"),
    group_wait: optional(duration, Duration.seconds(5)),
    repeat: optional(repeat, Duration.hours(4)),
    resolved: optional(boolean, true)
  }),
  ({ connections, severities, series, ...rest }): Route => ({ ...rest, match: { connections, severities, series } })
)

const time: Field<number> = refine(string("a time with its zone"), (text): OrIssue<number> => {
  const millis = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  return Number.isNaN(millis) ? invalid(`${quote(text)} is not a time.`, "2026-11-28T22:00:00Z") : millis
})

const silence: Field<Silence> = refine(
  camelGroup({ ...matcherKeys, from: optional(time, 0), until: time, comment: optional(string(), null) }),
  ({ connections, severities, series, ...rest }): OrIssue<Silence> =>
    rest.from >= rest.until
      ? invalid("The silence ends before it begins.", null, ["until"])
      : { ...rest, match: { connections, severities, series } }
)

const decode = SchemaParser.decodeUnknownResult(
  camelGroup({
    version: integer(1, 1).pipe(Schema.annotateKey({ allowed: "version: 1" })),
    receivers: list(receiver),
    routes: list(route),
    silences: optional(list(silence), [])
  }),
  decodeOptions
)

const unreadable = (file: string, cause: NodeJS.ErrnoException) =>
  new ConnectionsError({
    code: "unreadable",
    file,
    problems: [],
    message: `${file} cannot be read (${cause.code ?? "unknown error"}).`,
    nextStep: "Set CAPI_NOTIFICATIONS to a file that this user may read.",
    cause
  })
