/** Why brokers do not answer, and what to do about it: most often it is not their address. */
import { KafkaError } from "./client.ts"

/** What to do about the text of a connection's error; null where nothing is known about it. */
export const stepFor = (reason: string): string | null => steps.find(([pattern]) => pattern.test(reason))?.[1] ?? null

const steps: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /^the token endpoint/,
    "Check KAFKA_OAUTH_TOKEN_URL, whether it is reached from here, and KAFKA_OAUTH_CA where its certificate is of an authority of yours."
  ],
  [/altnames/, "Name the brokers in KAFKA_BROKERS as their certificate does."],
  [/certificate has expired/i, "Renew the brokers' certificate."],
  [
    /alert (bad certificate|certificate required|handshake failure|unknown ca|certificate unknown)/i,
    "The brokers ask for a client's certificate: set KAFKA_SSL_CERT and KAFKA_SSL_KEY, of an authority that they trust."
  ],
  [
    /certificate/i,
    "Set KAFKA_SSL_CA to a PEM file of the authority that signed the brokers' certificate, where it is one of yours."
  ],
  [
    /before secure TLS connection|wrong version number|packet length too long/i,
    "If this port speaks no TLS, take the port that does, or leave KAFKA_SSL out."
  ],
  [/is not Kafka's/, "If the port speaks TLS, set KAFKA_SSL=true; else correct it."],
  [
    /current SASL state/,
    "This port takes no login: take the port that does, or leave out KAFKA_SASL_USERNAME and KAFKA_SASL_MECHANISM."
  ],
  [/ENOTFOUND|EAI_AGAIN/, "Correct the name in KAFKA_BROKERS, or the name resolution of this machine."]
]

/**
 * The brokers did not answer in time.
 *
 * @param last what came of the last attempt; null where it was not over
 * @param usual what to do where the reason says nothing else
 */
export const noAnswer = (brokers: ReadonlyArray<string>, last: KafkaError | null, usual: string, hasLogin: boolean) => {
  const reason = last === null ? "" : reasonOf(last)
  return new KafkaError({
    code: "unreachable",
    operation: "connect",
    message: `Kafka does not answer at ${brokers.join(", ")}${reason === "" ? "" : ` (${reason})`}.`,
    nextStep: stepFor(reason) ?? (reason === "" && !hasLogin ? `${usual} ${loginStep}` : usual),
    cause: last
  })
}

/** A broker that waits for a login ends connections without a word. */
const loginStep = "If its port asks for a login, set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD."

const reasonOf = ({ message }: KafkaError): string =>
  plainReason(message.replace(/^Kafka could not [^:]*: /, "").replace(/^Connection error: /, ""))

/** The text of a connection's error without what is of no use to its reader. In time that is in proportion to it: a server may have written it. */
export const plainReason = (text: string): string =>
  reasonOfOpenSsl(withoutFullStop(text)).replace(
    /; if the root CA is installed locally, try running Node\.js with --use-system-ca/,
    ""
  )

const withoutFullStop = (text: string): string => {
  const trimmed = text.trimEnd()
  return trimmed.endsWith(".") ? trimmed.slice(0, -1).trimEnd() : trimmed
}

/** OpenSSL gives a thread, a code, the library, the function, the reason and the place in its sources, with colons between them. */
const reasonOfOpenSsl = (text: string): string => {
  const at = text.indexOf(errorMark)
  const [, , , reason, place] = text.slice(at + errorMark.length).split(":", 5)
  let start = at
  while (start > 0 && "0123456789ABCDEF".includes(text[start - 1]!)) start--
  if (at < 0 || start === at || reason === undefined || place === undefined) return text
  const before = text.slice(0, start)
  return (before.endsWith(systemCall) ? before.slice(0, -systemCall.length) : before) + reason
}

const errorMark = ":error:"
const systemCall = "write EPROTO "
