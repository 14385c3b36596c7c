/** Values as their users write them: what is rendered is what was meant, or an error that says what to write. */
import { writeFileSync } from "node:fs"
import path from "node:path"
import * as Effect from "effect/Effect"
import { parseAllDocuments } from "yaml"
import { type CheckFailed, checkFailed, run } from "../images/check/command.ts"
import type { Report } from "../images/check/report.ts"

interface Chart {
  readonly helm: string
  readonly chart: string
  /** For files of values. */
  readonly folder: string
  /** The manifests with these arguments of Helm. */
  readonly render: (values: ReadonlyArray<string>) => Effect.Effect<string, CheckFailed>
}

/** Adds its checks to the report. */
export const checkGivenValues = Effect.fnUntraced(function* (report: Report, { helm, chart, folder, render }: Chart) {
  const file = (name: string, text: string) =>
    Effect.sync(() => {
      const written = path.join(folder, name)
      writeFileSync(written, text)
      return written
    })
  const refusal = (values: ReadonlyArray<string>) =>
    Effect.map(run(helm, ["template", "capi", chart, ...values]), ({ code, err }) => (code === 0 ? null : err))

  yield* report.check(
    "a number among the settings stays as it is written, and one that would lose digits is refused",
    Effect.gen(function* () {
      const values = yield* file(
        "numbers.yaml",
        "settings: { DEDUP_IDS_MAX: 10000000, META_DATASET_ID: 1234567890123456, OTEL_TRACES_SAMPLER_ARG: 0.25 }\n"
      )
      const settings = configMap(yield* render(["--values", values]), "capi-settings")
      const found = [settings["DEDUP_IDS_MAX"], settings["META_DATASET_ID"], settings["OTEL_TRACES_SAMPLER_ARG"]]
      if (found.join() !== "10000000,1234567890123456,0.25") return yield* checkFailed(found.join())
      const long = yield* file("long-number.yaml", "settings: { META_DATASET_ID: 12345678901234567890 }\n")
      const why = yield* refusal(["--values", long])
      if (why?.includes("settings.META_DATASET_ID") !== true) return yield* checkFailed(why ?? "it is taken")
    })
  )
  yield* report.check(
    "the text of connections and notifications stays as it is, whatever its first line begins with",
    Effect.gen(function* () {
      const text = "\n   # Accounts of the shop.\nversion: 1\nconnections: []\n"
      const given = yield* file("indented.yaml", text)
      const files = configMap(
        yield* render(["--set-file", `connections=${given}`, "--set-file", `notifications=${given}`]),
        "capi-connections"
      )
      for (const name of ["connections.yaml", "notifications.yaml"])
        if (files[name] !== text) return yield* checkFailed(`${name}: ${JSON.stringify(files[name])}`)
    })
  )
  yield* report.check(
    "a master key that is a reference needs no Secret, and without either nothing is rendered",
    Effect.gen(function* () {
      const reference = "settings.CAPI_MASTER_KEY=vault:secret/capi#key"
      const text = yield* render(["--set", "secrets.masterKey=", "--set", reference])
      if (text.includes("secretRef")) return yield* checkFailed("a pod names a Secret")
      const why = yield* refusal(["--set", "secrets.masterKey="])
      if (why?.includes("secrets.masterKey") !== true) return yield* checkFailed(why ?? "it is taken")
    })
  )
  yield* report.check(
    "files of a Secret whose name no volume can have are mounted under the Secret's name",
    Effect.gen(function* () {
      const long = `a.${"b".repeat(80)}`
      const text = yield* render([
        "--set-json",
        `processors.delivery-meta.files=${JSON.stringify(["capi.meta", long])}`
      ])
      const volumes = [...text.matchAll(/- name: (files-\S+)\n\s+secret: { secretName: (\S+),/g)]
      if (volumes.length !== 2) return yield* checkFailed(`${volumes.length} volumes`)
      for (const [, volume, secret] of volumes) {
        if (!/^[a-z0-9-]{1,63}$/.test(volume!)) return yield* checkFailed(`${volume} is no name of a volume`)
        if (!text.includes(`- { name: ${volume}, mountPath: /secrets/${secret},`))
          return yield* checkFailed(`${volume} is not mounted as ${secret}`)
      }
    })
  )
  yield* report.check(
    "an address of the programs on which the chart's probes do not ask is refused, and it may be the chart's own",
    Effect.gen(function* () {
      for (const setting of ["PORT=8080", "PORT=0", "HOST=127.0.0.1", "HOST=localhost"]) {
        const why = yield* refusal(["--set", `settings.${setting}`])
        if (why?.includes(`settings.${setting.split("=")[0]}`) !== true)
          return yield* checkFailed(why ?? `${setting} is taken`)
      }
      for (const setting of ["PORT=9464", "HOST=::"]) yield* render(["--set", `settings.${setting}`])
    })
  )
  yield* report.check(
    "a release whose name makes others longer than 63 characters is refused with the longest that it may have",
    Effect.gen(function* () {
      const named = (length: number) => run(helm, ["template", "r".repeat(length), chart])
      const { code, err } = yield* named(53)
      if (code === 0 || !err.includes("at most 45 characters")) return yield* checkFailed(err || "it is taken")
      const { code: taken, out } = yield* named(45)
      if (taken !== 0) return yield* checkFailed("one of 45 characters is refused")
      for (const [, kind, name] of out.matchAll(/^kind: (Service|Job)\nmetadata:\n {2}name: (\S+)/gm))
        if (name!.length > 63) return yield* checkFailed(`${kind} ${name}`)
    })
  )
  yield* report.check(
    "every pod may reach brokers, however they are separated, and the endpoint of the brokers' tokens",
    Effect.gen(function* () {
      const text = yield* render([
        ...["--set", "settings.KAFKA_BROKERS=one:9092\\, two:9093\\,"],
        ...["--set", "settings.KAFKA_OAUTH_TOKEN_URL=https://login.example:8443/token"]
      ])
      const policies = text.split(/^---$/m).filter((one) => one.includes("kind: NetworkPolicy"))
      const ports = ["9092", "9093", "8443"]
      for (const policy of policies) {
        const missing = ports.filter((port) => !policy.includes(`port: ${port} }`))
        if (missing.length > 0 || policy.includes("port: 0 }"))
          return yield* checkFailed(`${missing.join()} missing, or the port 0: ${policy}`)
      }
      if (policies.length < 2) return yield* checkFailed("there are no policies")
    })
  )
})

const configMap = (manifests: string, name: string): Readonly<Record<string, string>> => {
  for (const document of parseAllDocuments(manifests)) {
    const manifest = document.toJSON()
    if (manifest?.kind === "ConfigMap" && manifest.metadata.name === name) return manifest.data
  }
  return {}
}
