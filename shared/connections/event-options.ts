/** `events`, `limits` and `consent` of a connection: which events it takes, how many at a time, and by which consent. */
import type * as SchemaIssue from "effect/SchemaIssue"
import { suggestion } from "./did-you-mean.ts"
import { camelGroup, choice, duration, integer, invalid, list, optional, refine, string } from "./fields.ts"
import { actionSources } from "./mapping-options.ts"
import { wordsShape } from "./shape.ts"
import { quote } from "./yaml-tree.ts"

type OrIssue<A> = A | SchemaIssue.Issue

const actionSource = refine(
  string(),
  (source): OrIssue<string> =>
    actionSources.some((known) => known === source)
      ? source
      : invalid(
          `${quote(source)} is not an action source.${suggestion(source, actionSources)}`,
          actionSources.join(", ")
        ),
  () => wordsShape(actionSources)
)

/** Which events the connection takes; exclude wins. Empty include means all. */
export const eventFilter = camelGroup({
  include: optional(list(string()), []),
  exclude: optional(list(string()), []),
  action_sources: optional(list(actionSource), [])
})

export const limits = camelGroup({
  profile: optional(choice(["documented", "specification"]), "documented"),
  events_per_request: optional(integer(1, 10_000), null),
  bytes_per_request: optional(integer(1_000, 100_000_000), null),
  requests_per_window: optional(integer(1, 10_000_000), null),
  events_per_window: optional(integer(1, 100_000_000), null),
  window: optional(duration, null),
  concurrency: optional(integer(1, 1_000), null),
  /** How long a batch waits to fill. */
  linger: optional(duration, null)
})

export const consent = camelGroup({
  on_unknown: optional(choice(["send", "skip"]), "send"),
  on_unknown_in_europe: optional(choice(["skip", "send"]), "skip"),
  unknown_country: optional(choice(["elsewhere", "europe"]), "elsewhere"),
  /** 0: not looked at; absent: that of the platform. */
  tcf_vendor: optional(integer(0, 65_535), null),
  on_sale_denied: optional(choice(["restrict", "skip"]), "restrict"),
  assume: optional(choice(["nothing", "granted"]), "nothing")
})
