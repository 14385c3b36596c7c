/** What only people cause, and rights that no event needs: an erasure, a consent that changes, lookups and redrives in the console. */
import { hash } from "node:crypto"
import * as Effect from "effect/Effect"
import { actionHeader, type Redrive, type RedrivePlan, type RedriveSelection } from "../../processors/console/api.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import type { Chain } from "../harness/chain.ts"
import { runCapi } from "../harness/run-command.ts"
import { waitUntil } from "../harness/wait-until.ts"

/** One change of consent that can be read, and one that cannot. */
export const changeConsent = (prefix: string, email: string) =>
  KafkaClient.use((kafka) =>
    kafka.produce([
      consentChange(prefix, hash("sha256", email), '{"ad_user_data":"denied"}'),
      consentChange(prefix, "no-hash", "{}")
    ])
  )

const consentChange = (prefix: string, key: string, value: string) => ({
  topic: `${prefix}consent-changes`,
  key,
  value: Buffer.from(value)
})

/** Where the event log is sealed. */
export const erase = (chain: Chain, email: string) =>
  Effect.flatMap(
    runCapi(["erase", email, "--grace", "1 second", "--yes"], {
      ...chain.environment,
      CAPI_EVENT_LOG: "sealed-events"
    }),
    ({ exitCode, errors }) => (exitCode === 0 ? Effect.void : Effect.die(new Error(`erase failed: ${errors}`)))
  )

const ask = async (port: number, route: string, body?: object): Promise<unknown> => {
  const response = await fetch(`http://127.0.0.1:${port}${route}`, {
    headers: { [actionHeader.name]: actionHeader.value },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) })
  })
  return response.json()
}

/** The stories of events, an explanation and a history: the console reads their topics when it is asked. */
export const lookUp = async (port: number, eventIds: ReadonlyArray<string>, connection: string): Promise<void> => {
  for (const id of eventIds) {
    await ask(port, `/api/events?q=${id}`)
    await ask(port, "/api/explain", { event_id: id })
  }
  await ask(port, `/api/history?connection=${connection}`)
}

/** Sends dead letters on their way again; gives how that ended. */
export const redriveByConsole = async (port: number, selection: RedriveSelection): Promise<Redrive> => {
  const plan = (await ask(port, "/api/redrives/plan", selection)) as RedrivePlan
  const { redrive_id } = (await ask(port, "/api/redrives/confirm", { plan_id: plan.plan_id })) as Redrive
  return waitUntil("the redrive has ended", async () => {
    const { redrives } = (await ask(port, "/api/redrives")) as { readonly redrives: ReadonlyArray<Redrive> }
    const found = redrives.find((one) => one.redrive_id === redrive_id)
    return found !== undefined && found.ended_at !== null && found
  })
}
