/** Sends WhatsApp messages, and takes the statuses that WhatsApp brings by webhook. */
import * as Effect from "effect/Effect"
import { portOrFree, SettingsService, toSettingsError } from "../../shared/config/settings.ts"
import { Connections } from "../../shared/connections/connections.ts"
import type { Program } from "../../shared/runtime/program.ts"
import { serve } from "../../shared/telemetry/http-server.ts"
import { deliveryProgram } from "../delivery/engine/program.ts"
import { connectionWebhook } from "./webhook.ts"

const delivery = deliveryProgram("whatsapp")

export const deliveryWhatsappProgram: Program = {
  name: delivery.name,
  work: Effect.gen(function* () {
    const webhooks = yield* webhookServer
    yield* Effect.all([delivery.work, ...webhooks], { concurrency: "unbounded", discard: true })
  })
}

/** Where WhatsApp brings its statuses; port 0 takes a free one, which is logged. */
const webhookPort = Effect.suspend(() => portOrFree("CAPI_WEBHOOK_PORT")).pipe(
  Effect.mapError((error) => toSettingsError(error))
)

/** Serves each connection's webhook until the scope closes; gives the work that keeps their indexes. */
const webhookServer = Effect.gen(function* () {
  const { enabledOf } = yield* Connections
  const { health } = yield* SettingsService
  const webhooks = yield* Effect.forEach(enabledOf("whatsapp"), connectionWebhook)
  if (webhooks.length === 0) return []
  const routes = webhooks.flatMap((webhook) => webhook.routes)
  const { port } = yield* serve({ host: health.host, port: yield* webhookPort, routes })
  yield* Effect.log("WhatsApp's webhook is served.").pipe(
    Effect.annotateLogs({
      host: health.host,
      port,
      paths: routes
        .filter(({ method }) => method === "POST")
        .map(({ path }) => path)
        .join(" ")
    })
  )
  return webhooks.map((webhook) => webhook.follow)
})
