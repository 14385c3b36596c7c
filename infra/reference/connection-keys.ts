/** What each key of `connections.yaml` means; `*` stands for a name that the file chooses, `[]` for each of a list. */
import { readFileSync } from "node:fs"
import path from "node:path"
import { parseDocument, visit } from "yaml"
import { repository } from "../local/state.ts"

/** Of a connection, but for `account` and `resilience`. */
export const keyMeanings: Readonly<Record<string, string>> = {
  id: "the connection's name: in results, metrics and the name of its consumer group. Changing it makes a new connection, which begins at its first event",
  platform: "the platform's API",
  enabled: "`false`: no event is mapped for it, and none is sent",
  account: "the platform's ids of the account",
  credential:
    "where the secret is: `env:NAME`, `store:name`, `file:path`, `vault:mount/path` or `aws:name`; never the secret itself",
  endpoint: "where requests go, instead of the platform's address",
  "endpoint.host": "the address, such as `https://graph.facebook.com`",
  "endpoint.version": "the API's version in the address",
  events: "which events the connection takes",
  "events.include": "names of events that it takes; none: all",
  "events.exclude": "names of events that it does not take, although they are included",
  "events.action_sources": "action sources that it takes; none: all",
  mapping: "how events become the platform's",
  "mapping.version": "recorded with each result; the same version gives the same bytes (`1` without it)",
  "mapping.names": "the platform's names of events: as they are specified, or those that it prefers today",
  "mapping.default_country":
    "the country of national phone numbers, of events that name none; without it such numbers are left out",
  "mapping.default_action_source": "of events that name none",
  "mapping.event_names": "`exact`: names of other tools do not count as canonical ones",
  "mapping.anonymous_id": "whether an event's anonymous id stands in for an external id that is missing",
  "mapping.max_age_days": "events that are older expire; without it the platform's documented age",
  "mapping.future_events":
    "an event ahead of the clock waits until it is due, or goes out with the time of its arrival",
  "mapping.future_tolerance": "how far ahead of the clock an event may go out; without it the platform's bound",
  "mapping.address_identifiers": "the address as an identifier too, where all of its parts are known (Google Ads)",
  "mapping.free_properties":
    "names of the free properties that go to the platform; without it, or `all_but_personal_data`: all in which no personal data is recognized",
  "mapping.events": "overrides: the name of an event, and the platform's",
  "mapping.events.*": "the platform's name of the event, or the keys below",
  "mapping.events.*.to": "the platform's name of the event",
  "mapping.events.*.action": "the numeric id of the conversion action (Google)",
  "mapping.events.*.when": "conditions that must all hold; else the catalog's name counts",
  "mapping.events.*.when[].path": "the field that is compared",
  "mapping.events.*.when[].op": "how",
  "mapping.events.*.when[].value": "with what; a list for `in`, none for `exists` and `missing`",
  "mapping.parameters": "parameters to set in the payload's custom data, each by one of the three rules below",
  "mapping.parameters.*": "the parameter's rule",
  "mapping.parameters.*.from": "the value of a field of the event",
  "mapping.parameters.*.constant": "this value",
  "mapping.parameters.*.template": 'a text with fields in braces, such as `"order {properties.order_id}"`',
  "mapping.templates": "message templates by the name of the event (WhatsApp)",
  "mapping.templates.*": "the message",
  "mapping.templates.*.name": "the template's name in the WhatsApp Manager",
  "mapping.templates.*.language": "the template's language",
  "mapping.templates.*.category": "the template's category; an authentication template goes to phone numbers alone",
  "mapping.templates.*.header": "the header's one parameter",
  "mapping.templates.*.header.text": "of a text header",
  "mapping.templates.*.header.image": "address of an image, or the keys below",
  "mapping.templates.*.header.video": "address of a video, or the keys below",
  "mapping.templates.*.header.document": "address of a document, or the keys below",
  "mapping.templates.*.header.image.link": "where the platform fetches it",
  "mapping.templates.*.header.image.id": "the id of uploaded media",
  "mapping.templates.*.header.image.filename": "of a document alone",
  "mapping.templates.*.header.video.link": "where the platform fetches it",
  "mapping.templates.*.header.video.id": "the id of uploaded media",
  "mapping.templates.*.header.video.filename": "of a document alone",
  "mapping.templates.*.header.document.link": "where the platform fetches it",
  "mapping.templates.*.header.document.id": "the id of uploaded media",
  "mapping.templates.*.header.document.filename": "the name that the recipient sees",
  "mapping.templates.*.body":
    "the body's parameters: a list of texts with fields in braces, or a group by parameter names",
  "mapping.templates.*.buttons": "buttons whose URL ends in a parameter",
  "mapping.templates.*.buttons[].index": "the button's place among the template's, from 0",
  "mapping.templates.*.buttons[].url": "the end of the button's URL",
  limits: "sizes and rates, each without a value as the profile has it",
  "limits.profile": "the platform's documented limits, or the lower ones of the specification",
  "limits.events_per_request": "events in a request",
  "limits.bytes_per_request": "bytes of a request, of which 8,192 are kept for what surrounds the events",
  "limits.requests_per_window": "requests in a window of time",
  "limits.events_per_window": "events in a window of time",
  "limits.window": "the window",
  "limits.concurrency": "requests at the same time",
  "limits.linger": "how long a batch waits to fill",
  consent: "what happens by what the customer agreed to. A denied `ad_user_data` is never sent",
  "consent.on_unknown": "events whose `ad_user_data` is unknown",
  "consent.on_unknown_in_europe":
    "such events of customers in the EEA, the UK and Switzerland; `send`: as `on_unknown` says",
  "consent.unknown_country": "where customers of no known country count to live",
  "consent.on_sale_denied": "sale of data denied: with the platform's restricted-use flags, or not at all",
  "consent.tcf_vendor":
    "the number of the IAB TCF vendor whose consent a TC string must have; 0 looks at none, without it the platform's",
  "consent.assume": "`granted`: whoever publishes has asked already, so what is absent is granted",
  test_event_code: "marks requests as tests, where the platform knows such a code; remove it to count events",
  partner_name: "sent as the platform's partner agent",
  resilience: "retries, circuit breaker and pools; [the guide](../resilience.md) explains them"
}

export interface ResilienceKey {
  readonly default: string
  readonly meaning: string
}

/** `resilience`'s keys, from the block of docs/resilience.md, which is compared with the code. */
export const resilienceKeys = (): ReadonlyMap<string, ResilienceKey> => {
  const text = readFileSync(path.join(repository, "docs/resilience.md"), "utf8")
  const block = /```yaml\n([\s\S]*?)```/.exec(text)![1]!
  const lines = block.split("\n")
  const found = new Map<string, ResilienceKey>()
  visit(parseDocument(block), {
    Pair: (_, pair, ancestors) => {
      const names = [...ancestors, pair].flatMap((node) =>
        typeof node === "object" && node !== null && "key" in node ? [String(node.key)] : []
      )
      const name = names.at(-1)!
      const line = lines.find(
        (candidate) =>
          new RegExp(`^ {${2 * (names.length - 1)}}${name}:`).test(candidate) && isBelow(lines, candidate, names)
      )!
      const [value = "", ...comment] = line.slice(line.indexOf(":") + 1).split("#")
      found.set(names.join("."), { default: value.trim(), meaning: comment.join("#").trim() })
    }
  })
  return found
}

/** Whether the nearest line above with less indentation is the key's group. */
const isBelow = (lines: ReadonlyArray<string>, line: string, names: ReadonlyArray<string>): boolean => {
  const indentation = line.search(/\S/)
  if (indentation === 0) return true
  const above = lines
    .slice(0, lines.indexOf(line))
    .findLast((one) => one.trim() !== "" && one.search(/\S/) < indentation)
  return above?.trim().startsWith(`${names.at(-2)}:`) === true
}
