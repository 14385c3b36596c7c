/** Everything that reads a text of a producer, a platform or a file: each gets the adversarial texts, in every place that holds one. */
import * as Redacted from "effect/Redacted"
import { checkLine } from "../../../infra/cli/raw-lines.ts"
import { explanationOf } from "../../../processors/console/events.ts"
import { Access } from "../../../processors/console/server/access.ts"
import { explainJson } from "../../../processors/normalizer/preview/explain.ts"
import { maskRecord } from "../../../processors/normalizer/preview/mask.ts"
import { previewEvent } from "../../../processors/normalizer/preview/preview-event.ts"
import { parseNotifications } from "../../../processors/notifier/notifications-file.ts"
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { parseConnections } from "../../../shared/connections/connections.ts"
import type { Connector, HttpResponseSpec, Json } from "../../../shared/connectors/connector.ts"
import type { DocumentedAnswers } from "../../../shared/connectors/contract/connector-contract.ts"
import { withTexts } from "../../../shared/connectors/contract/contract-checks.ts"
import { connectorCatalog } from "../../../shared/connectors/load-connections.ts"
import { mapForConnection } from "../../../shared/connectors/mapping/map.ts"
import { connectors } from "../../../shared/connectors/registry.ts"
import { parseStore } from "../../../shared/credentials/store-file.ts"
import { parseIndexQuestion } from "../../../shared/event-story/ask-index.ts"
import { printable, printableLine } from "../../../shared/telemetry/printable.ts"
import { redact, redactDeep } from "../../../shared/telemetry/redaction.ts"
import { mappedEvent, secretOf } from "../../../shared/testing/connector-fixture.ts"
import { connectionOf, purchase } from "../../../shared/testing/event-fixture.ts"
import { functionsOfTexts } from "./functions.ts"
import type { TimeTarget } from "./measure.ts"
import { plant, textPaths } from "./planted.ts"
import { everywhere, manyValues, placesOfRawEvent, wholeEvent } from "./raw-event-targets.ts"

const now = Date.UTC(2026, 10, 23)

/** All targets by their kind. */
export const timeTargets = async (): Promise<Readonly<Record<string, ReadonlyArray<TimeTarget>>>> => ({
  "whole raw event": wholeEvent,
  "place of a raw event": placesOfRawEvent,
  "many values of a raw event": manyValues,
  "function of a text": await functionsOfTexts(),
  mapper: mappers,
  verdict: await verdicts(),
  redactor: redactors,
  file: files,
  "command line": commandLine,
  "console and index": views
})

const normalizedPaths = textPaths("normalized-event")

/** The normalizer bounds texts; the mapper reads what other programs write as well. */
const mappers: ReadonlyArray<TimeTarget> = Object.values(connectors).map((connector: Connector) => ({
  name: `mapping for ${connector.kind}`,
  lengthMax: 1_048_576,
  prepare: (text) => {
    const short = text.slice(0, Math.ceil(text.length / normalizedPaths.length)) + text.slice(-2)
    const places = normalizedPaths.filter((place) => !place.includes("event_name") && !place.includes("action_source"))
    const planted = places.reduce<Json>((record, place) => plant(record, place, short), purchase() as unknown as Json)
    const connection = connectionOf(connector.kind)
    return () => mapForConnection(planted as unknown as NormalizedEvent, connection, connector, now)
  }
}))

const verdicts = async (): Promise<ReadonlyArray<TimeTarget>> => {
  const targets: Array<TimeTarget> = []
  for (const connector of Object.values(connectors)) {
    const fixture = (await import(`../../../shared/connectors/${connector.kind}/fixture.ts`)) as {
      readonly answers: DocumentedAnswers
    }
    const count = connector.limits.documented.eventsPerRequest === 1 ? 1 : 200
    const events = Array.from({ length: count }, (_, index) => mappedEvent(index))
    const { accepted, errorInside200, oneBad, probed, throttled, unauthorized } = fixture.answers
    const answers = {
      accepted: accepted(count),
      errorInside200,
      probed,
      throttled,
      unauthorized,
      ...(oneBad === null ? {} : { oneBad: oneBad.response(0, count) })
    }
    for (const [name, response] of Object.entries(answers))
      targets.push(verdictTarget(connector, name, response, events))
  }
  const notification = (text: string): string => {
    const error = { code: 1, title: text, error_data: { details: text } }
    const status = {
      id: text,
      status: "failed",
      timestamp: text,
      errors: [error],
      pricing: { category: text, type: text }
    }
    return JSON.stringify({ entry: [{ changes: [{ value: { statuses: [status, text], messages: [text] } }] }] })
  }
  for (const { kind, webhook } of Object.values(connectors)) {
    if (webhook === undefined) continue
    const secret = secretOf(["app_secret", "verify_token"])
    targets.push(
      {
        name: `notification of ${kind}`,
        prepare: (text) => {
          const body = notification(text.slice(0, text.length / 6))
          return () => webhook.read(body)
        }
      },
      {
        name: `signature of ${kind}`,
        prepare: (text) => () => webhook.isSigned(Buffer.from(text), { "x-hub-signature-256": text }, secret)
      },
      {
        name: `handshake of ${kind}`,
        prepare: (text) => {
          const query = new URLSearchParams({
            "hub.mode": "subscribe",
            "hub.verify_token": text,
            "hub.challenge": text
          })
          return () => webhook.handshake(query, secret)
        }
      }
    )
  }
  return targets
}

/** The text stands in all places of an answer together, which is as long as the text. */
const verdictTarget = (
  connector: Connector,
  name: string,
  response: HttpResponseSpec,
  events: ReadonlyArray<ReturnType<typeof mappedEvent>>
): TimeTarget => {
  const places = Math.max(1, withTexts(response, "\u0001").body.split('"\\u0001"').length - 1)
  return {
    name: `verdict of ${connector.kind}: ${name}`,
    prepare: (text) => {
      const answer = withTexts(response, inJson(text, text.length / places), text.slice(0, headersLengthMax))
      return () => {
        connector.verdict(answer, events)
        connector.probeVerdict(answer)
        connector.refresh?.read(answer)
        connector.asyncOutcome?.read(answer)
      }
    }
  }
}

/** The text's beginning that takes so many characters in JSON: six for a control character, which other answers have in one. */
const inJson = (text: string, length: number): string => {
  const part = text.slice(0, Math.ceil(length))
  return part.slice(0, Math.ceil((part.length * length) / Math.max(length, JSON.stringify(part).length - 2)))
}

/** Node refuses longer ones. */
const headersLengthMax = 16_384

const redactors: ReadonlyArray<TimeTarget> = [
  { name: "redact", prepare: (text) => () => redact(text) },
  {
    name: "redactDeep",
    prepare: (text) => () => redactDeep({ [text.slice(0, 100)]: [text, { a: text }], error: new Error(text) })
  },
  { name: "printable", prepare: (text) => () => printable(text) },
  { name: "printableLine", prepare: (text) => () => printableLine(text) }
]

const fileLengthMax = 262_144
const yaml = (value: string): string =>
  `version: 1\nconnections:\n  - { id: a, platform: meta, account: { dataset_id: ${value} }, credential: ${value}, mapping: { version: ${value} } }\n`
const connections = (text: string) => () =>
  parseConnections("connections.yaml", text, { catalog: connectorCatalog, variables: { A: "x" } })

/** The operator's own files, read once at a start. A parser of YAML takes microseconds for each character that may mean something. */
const yamlFile = { lengthMax: fileLengthMax, timesLimit: 20 }
const files: ReadonlyArray<TimeTarget> = [
  { name: "connections: the whole file", ...yamlFile, prepare: connections },
  {
    name: "connections: a quoted value",
    ...yamlFile,
    prepare: (text) => connections(yaml(JSON.stringify(text.slice(0, text.length / 3))))
  },
  {
    name: "connections: a block",
    ...yamlFile,
    prepare: (text) => connections(`version: 1\nconnections: |\n${text.replaceAll("\n", "\n  ")}\n`)
  },
  {
    name: "notifications: the whole file",
    ...yamlFile,
    prepare: (text) => () => parseNotifications("notifications.yaml", text)
  },
  { name: "store: the whole file", prepare: (text) => () => parseStore("store", text) },
  {
    name: "store: a text",
    prepare: (text) => {
      const file = JSON.stringify({
        format: text,
        check: text,
        kdf: { name: text, salt: text },
        entries: { [text]: text }
      })
      return () => parseStore("store", file)
    }
  }
]

const line = (text: string) => ({ number: 1, text })
const sendOptions = { encoding: "json", setTime: null, samplesAt: now } as const

const commandLine: ReadonlyArray<TimeTarget> = [
  { name: "check of a line", prepare: (text) => () => checkLine(line(text), sendOptions, now) },
  {
    name: "check of an event",
    prepare: (text) => {
      const one = JSON.stringify(everywhere(text))
      return () => checkLine(line(one), sendOptions, now)
    }
  },
  {
    name: "preview of an event",
    prepare: (text) => {
      const one = everywhere(text)
      return () => previewEvent(one, connectionOf("meta"), now)
    }
  },
  {
    name: "mask of a raw event",
    prepare: (text) => {
      const one = everywhere(text)
      return () => maskRecord("raw-event", one as object)
    }
  },
  {
    name: "mask of a mapped event",
    prepare: (text) => {
      const one = { payload: JSON.stringify({ a: text }), event_source_url: text }
      return () => maskRecord("mapped-event", one)
    }
  }
]

/** What whoever reaches the console or the indexer may send, and what the console shows of a producer's event. */
const views: ReadonlyArray<TimeTarget> = [
  {
    name: "explanation of an event",
    prepare: (text) => {
      const one = JSON.stringify(everywhere(text))
      return () => explanationOf(explainJson(one, { connections: [connectionOf("meta")], now }))
    }
  },
  {
    name: "headers of a request",
    lengthMax: headersLengthMax,
    prepare: (text) => {
      const access = new Access(Redacted.make("a token"))
      const headers = { host: text, origin: text, authorization: `Bearer ${text}` }
      const request = { method: "POST", url: text, headers }
      return () => {
        access.refusalOf(request)
        access.isSignedIn(request, now)
        access.isSignedIn({ ...request, headers: { cookie: text } }, now)
      }
    }
  },
  {
    name: "question to the index",
    prepare: (text) => {
      const body = JSON.stringify({ terms: [{ kind: "event", text }], [text]: text })
      return () => parseIndexQuestion(body)
    }
  }
]
