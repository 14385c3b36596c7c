/** The way to the brokers: the bootstrap servers, each advertised address, TLS, the login, and what the brokers can do. */
import { X509Certificate } from "node:crypto"
import { connect, isIP } from "node:net"
import { connect as connectTls, type PeerCertificate } from "node:tls"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { KafkaSettings } from "../../../shared/config/transport.ts"
import { nodeTlsOptions } from "../../../shared/http/http-request.ts"
import { type AdvertisedBroker, ClusterInspection } from "../../../shared/kafka/client.ts"
import { type Check, type Found, failed, notChecked, ok, problemsOr, warning } from "./check.ts"

const dayMillis = 86_400_000
/** A certificate is renewed before so many days are left. */
const certificateDays = 30
const connectMillis = 5_000

/** `brokers` are those that the bootstrap server named; null where none answered. */
export const kafkaChecks = (
  kafka: KafkaSettings,
  brokers: ReadonlyArray<AdvertisedBroker> | null
): ReadonlyArray<Check<ClusterInspection>> => [
  { group: "kafka", name: "addresses", run: checkAddresses(kafka, brokers) },
  { group: "kafka", name: "version", run: brokers === null ? unanswered : checkVersion },
  { group: "kafka", name: "tls", run: checkTls(kafka, brokers) },
  { group: "kafka", name: "login", run: Effect.succeed([loginOf(kafka, brokers !== null)]) }
]

const unanswered = Effect.succeed([notChecked("No broker answers.")])

/** Clients reach each broker by the address that it advertises, not by the bootstrap server's. */
const checkAddresses = ({ ssl }: KafkaSettings, brokers: ReadonlyArray<AdvertisedBroker> | null) =>
  brokers === null
    ? unanswered
    : Effect.map(
        Effect.forEach(brokers, (broker) => Effect.map(reach(broker, ssl), ({ problem }) => ({ broker, problem })), {
          concurrency: 8
        }),
        (reached) =>
          problemsOr(
            reached.flatMap(({ broker, problem }) =>
              problem === null
                ? []
                : [
                    failed(
                      `Broker ${broker.id} advertises ${addressOf(broker)}, which cannot be reached from here: ${problem}.`,
                      "Correct the broker's advertised.listeners, or the way to it (DNS, firewall): every client connects to this address."
                    )
                  ]
            ),
            `${reached.length === 1 ? "The broker is" : `All ${reached.length} brokers are`} reached at the advertised address: ${reached.map(({ broker }) => addressOf(broker)).join(", ")}.`
          )
      )

const addressOf = ({ host, port }: AdvertisedBroker): string => `${host.includes(":") ? `[${host}]` : host}:${port}`

interface Reached {
  readonly problem: string | null
  /** Milliseconds since the epoch; null without TLS. */
  readonly certificateEndsAt: number | null
}

const reach = ({ host, port }: AdvertisedBroker, ssl: KafkaSettings["ssl"]): Effect.Effect<Reached> =>
  Effect.callback<Reached>((resume) => {
    const tls = ssl === false ? null : ssl === true ? {} : nodeTlsOptions(ssl)
    const socket =
      tls === null
        ? connect({ host, port })
        : connectTls({ host, port, ...tls, ...(isIP(host) === 0 ? { servername: host } : {}) })
    const end = (problem: string | null, certificateEndsAt: number | null = null) => {
      socket.destroy()
      resume(Effect.succeed({ problem, certificateEndsAt }))
    }
    socket.setTimeout(connectMillis, () => end(`no answer within ${connectMillis / 1_000} s`))
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    if (tls === null) socket.once("connect", () => end(null))
    else
      socket.once("secureConnect", () => {
        const certificate = (
          socket as typeof socket & { readonly getPeerCertificate: () => PeerCertificate }
        ).getPeerCertificate()
        end(null, Date.parse(certificate.valid_to))
      })
    return Effect.sync(() => void socket.destroy())
  })

/** Requests that the programs cannot do without, by their keys in the protocol, with the version that they need. */
const needed: ReadonlyArray<readonly [key: number, version: number, name: string, why: string]> = [
  [3, 8, "Metadata", "rights are looked up by it"],
  [22, 1, "InitProducerId", "every commit is a transaction"],
  [24, 1, "AddPartitionsToTxn", "every commit is a transaction"],
  [25, 1, "AddOffsetsToTxn", "every commit is a transaction"],
  [26, 1, "EndTxn", "every commit is a transaction"],
  [28, 1, "TxnOffsetCommit", "every commit is a transaction"],
  [2, 1, "ListOffsets", "replays begin at a time"]
]

const checkVersion = Effect.gen(function* () {
  const { release, newestVersions } = yield* (yield* ClusterInspection).abilities
  const missing = needed.filter(([key, version]) => (newestVersions.get(key) ?? -1) < version)
  const kafka = release === null ? "The broker does not name its release" : `Kafka ${release}`
  return problemsOr(
    missing.map(([, version, name, why]) =>
      failed(
        `${kafka}; it does not take the request ${name} in version ${version}: ${why}.`,
        "Use Kafka 3.0 or newer, or a service that has transactions (docs/existing-kafka.md)."
      )
    ),
    release === null
      ? "The broker does not name its release; it takes every request that is needed."
      : `Kafka ${release}, which takes every request that is needed.`
  )
})

const checkTls = (kafka: KafkaSettings, brokers: ReadonlyArray<AdvertisedBroker> | null) =>
  Effect.gen(function* () {
    if (kafka.ssl === false)
      return kafka.brokers.every(isOfThisMachine)
        ? [ok("No TLS (KAFKA_SSL is off); the broker is on this machine.")]
        : [
            warning(
              "No TLS (KAFKA_SSL is off): events with personal data cross the network in clear.",
              "Set KAFKA_SSL=true, and KAFKA_SSL_CA where the broker's certificate is of an authority of yours."
            )
          ]
    if (brokers === null) return yield* unanswered
    const now = yield* Clock.currentTimeMillis
    const reached = yield* Effect.forEach(brokers, (broker) => reach(broker, kafka.ssl), { concurrency: 8 })
    const problems = reached.flatMap(({ certificateEndsAt: end }, index): ReadonlyArray<Found> => {
      if (end === null || Number.isNaN(end) || end - now > certificateDays * dayMillis) return []
      const days = Math.floor((end - now) / dayMillis)
      return [
        warning(
          `The certificate of ${addressOf(brokers[index]!)} ends in ${days} days.`,
          "Renew it at the broker; clients refuse it afterwards."
        )
      ]
    })
    const own =
      typeof kafka.ssl === "object" && kafka.ssl.cert !== undefined ? clientCertificate(kafka.ssl.cert, now) : []
    return problemsOr([...problems, ...own], "TLS; the brokers' certificates are trusted.")
  })

const clientCertificate = (pem: string, now: number): ReadonlyArray<Found> => {
  const end = Date.parse(new X509Certificate(pem).validTo)
  const days = Math.floor((end - now) / dayMillis)
  return days > certificateDays
    ? []
    : [
        (days < 0 ? failed : warning)(
          `The client's certificate (KAFKA_SSL_CERT) ${days < 0 ? "has ended" : `ends in ${days} days`}.`,
          "Renew it and start the programs again."
        )
      ]
}

const isOfThisMachine = (broker: string): boolean => /^(?:localhost|127\.[\d.]+|\[::1\]):\d+$/.test(broker)

const loginOf = ({ sasl, ssl }: KafkaSettings, answers: boolean): Found => {
  const certificate = typeof ssl === "object" && ssl.cert !== undefined
  if (sasl === null)
    return ok(certificate ? "By the client's certificate (mutual TLS)." : "None (KAFKA_SASL_USERNAME is not set).")
  return answers
    ? ok(`The broker accepts the login by ${sasl.mechanism}.`)
    : notChecked(`By ${sasl.mechanism}; no broker answers.`)
}
