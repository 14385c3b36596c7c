/** The addresses of Kafka's brokers, as the environment has them. */
import { SettingsError } from "./setting.ts"

/** What is wrong with the first that is no `host:port`; null where none is. */
export const wrongBroker = (brokers: ReadonlyArray<string>): SettingsError | null => {
  const wrong = brokers.find((broker) => !isBroker(broker))
  if (wrong === undefined) return null
  // Only a plain name is quoted: what else stands there may hold a password.
  const isName = /^[\w.-]+$/.test(wrong)
  return new SettingsError({
    code: "invalid",
    message: isName ? `KAFKA_BROKERS: ${wrong} has no port.` : "KAFKA_BROKERS has an address that is no host:port.",
    nextStep: `Give each broker of KAFKA_BROKERS as host:port, such as ${isName ? wrong : "localhost"}:9092, without a scheme and without a login.`,
    cause: null
  })
}

const isBroker = (text: string): boolean => {
  const [, port] = /^[^/@\s]+:(\d{1,5})$/.exec(text) ?? []
  return port !== undefined && Number(port) > 0 && Number(port) < 65_536
}
