/** The outage run in its short form, and its judge, who must find what is wrong. */
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"
import { type Evidence, findings } from "./findings.ts"
import { outageRun } from "./outage.ts"
import { eventId } from "./plan.ts"

const services = () =>
  ConfigProvider.layer(
    ConfigProvider.fromEnv({ env: { KAFKA_BROKERS: testBrokers().join(","), SCHEMA_REGISTRY_URL: testRegistryUrl() } })
  )

describe("an expired token, throttling and an outage of every platform", () => {
  it.live(
    "lose nothing, send nothing twice and blame the right events",
    () =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        const options = { events: 2_000, outageSeconds: 5, seed: 7 }
        const evidence = yield* outageRun(options, uniquePrefix("outage"), (line) => void lines.push(line)).pipe(
          // What it was waiting for says more than that it was too slow.
          Effect.timeoutOrElse({
            duration: "150 seconds",
            orElse: () => Effect.die(new Error(`Not done in time:\n${lines.join("\n")}`))
          })
        )
        assert.deepStrictEqual(findings(evidence), [], lines.join("\n"))
        assert.isNotEmpty(findings(withDuplicate(evidence)))
        assert.isNotEmpty(findings(withLoss(evidence)))
        assert.isNotEmpty(findings({ ...evidence, deadLetters: evidence.deadLetters.slice(1) }))
        assert.isNotEmpty(findings({ ...evidence, ledgerExitCode: 1 }))
        assert.isNotEmpty(findings({ ...evidence, troubles: [{ trouble: "outage", requests: { meta: 1 } }] }))
      }).pipe(Effect.scoped, Effect.provide(services())),
    180_000
  )
})

const goodId = ({ poison }: Evidence): string => eventId([0, 1, 2, 3, 4, 5].find((index) => !poison.has(index)) ?? 6)

/** The evidence of a run in which Meta got one event twice. */
const withDuplicate = (evidence: Evidence): Evidence => ({
  ...evidence,
  ids: { ...evidence.ids, meta: new Map([...(evidence.ids["meta"] ?? []), [goodId(evidence), 2]]) }
})

/** The evidence of a run in which TikTok never got one event. */
const withLoss = (evidence: Evidence): Evidence => ({
  ...evidence,
  ids: {
    ...evidence.ids,
    tiktok: new Map([...(evidence.ids["tiktok"] ?? [])].filter(([id]) => id !== goodId(evidence)))
  }
})
