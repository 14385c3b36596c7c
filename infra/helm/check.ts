/**
 * `make test-charts`: lints the chart, renders it with its defaults and with each file of `examples/`, checks every manifest
 * against the schemas beside it, and holds what the schemas cannot say. Needs Go once, to build Helm and kubeconform.
 * Exit codes: 0 all passed, 1 something failed, 2 it cannot be checked here.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import * as Effect from "effect/Effect"
import { parse, parseAllDocuments } from "yaml"
import { checkNotifications } from "../../processors/notifier/notifications-file.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import { checkFailed, mustRun, run } from "../images/check/command.ts"
import { temporaryFolder } from "../images/check/engine.ts"
import { helmTool, kubeconformTool, obtainGoTool } from "../images/check/go-tools.ts"
import { makeReport, runChecks } from "../images/check/report.ts"
import { repository } from "../local/state.ts"
import { chartProblems, type Manifest } from "./chart-rules.ts"
import { checkGivenValues } from "./given-values.ts"

const chart = path.join(repository, "infra/helm/capi-relay")
const examples = path.join(repository, "infra/helm/examples")
const schemas = path.join(repository, "infra/helm/schemas")

const main = Effect.gen(function* () {
  const report = makeReport()
  const helm = yield* obtainGoTool(helmTool)
  const kubeconform = yield* obtainGoTool(kubeconformTool)
  const folder = yield* temporaryFolder("charts")
  const valid = (manifests: string) =>
    Effect.gen(function* () {
      const file = path.join(folder, "manifests.yaml")
      yield* Effect.sync(() => writeFileSync(file, manifests))
      return yield* run(kubeconform, [
        ...["-strict", "-summary", "-output", "text"],
        ...["-schema-location", `${schemas}/{{ .ResourceKind }}{{ .KindSuffix }}.gen.json`],
        file
      ])
    })
  const render = (values: ReadonlyArray<string>) =>
    Effect.map(mustRun(helm, ["template", "capi", chart, "--namespace", "capi", ...values]), ({ out }) => out)

  const cases = [
    { name: "the defaults", file: null },
    ...readdirSync(examples)
      .filter((name) => name.endsWith(".yaml"))
      .map((name) => ({ name, file: path.join(examples, name) }))
  ]
  for (const { name, file } of cases) {
    const values = file === null ? [] : ["--values", file]
    yield* report.check(`helm lint finds nothing: ${name}`, mustRun(helm, ["lint", "--strict", chart, ...values]))
    yield* report.check(
      `every manifest is valid by its schema: ${name}`,
      Effect.gen(function* () {
        const { code, out, err } = yield* valid(yield* render(values))
        if (code !== 0) return yield* checkFailed(out + err)
      })
    )
    if (file !== null)
      yield* report.check(
        `its connections, and whom it notifies, are right: ${name}`,
        Effect.gen(function* () {
          const { connections, notifications } = parse(readFileSync(file, "utf8"))
          const problems = notifications === undefined ? [] : checkNotifications(notifications, null).problems
          if (connections === undefined || problems.length > 0)
            return yield* checkFailed(problems.map(({ message }) => message).join("\n") || "it has no connections")
        })
      )
    yield* report.check(
      `pods have no rights, their secrets alone, a budget, probes and a network policy; KEDA asks for groups that exist: ${name}`,
      Effect.gen(function* () {
        const given = {
          ...parse(readFileSync(path.join(chart, "values.yaml"), "utf8")),
          ...(file === null ? {} : parse(readFileSync(file, "utf8")))
        }
        const connections = path.join(folder, "connections.yaml")
        yield* Effect.sync(() => writeFileSync(connections, given.connections))
        const loaded = file === null ? [] : (yield* loadConnections(connections, {})).connections
        const problems = chartProblems(manifestsOf(yield* render(values)), {
          connections: loaded,
          keda: given.keda?.enabled === true,
          prefix: given.settings.CAPI_TOPIC_PREFIX ?? "",
          eventLog: given.settings.CAPI_EVENT_LOG ?? "raw-events"
        })
        if (problems.length > 0) return yield* checkFailed(problems.join("\n"))
      })
    )
  }

  yield* report.check(
    "a change of settings or connections starts every pod again, and another one none",
    Effect.gen(function* () {
      const checksums = (more: ReadonlyArray<string>) =>
        Effect.map(render(more), (text) => text.match(/checksum\/configuration: \w+/g)?.join() ?? "")
      const before = yield* checksums([])
      const after = yield* checksums(["--set", "settings.LOG_LEVEL=Debug"])
      const connections = yield* checksums(["--set", "connections=version: 1"])
      const other = yield* checksums(["--set", "processors.mapper.replicas=5"])
      if (before === "" || before !== other) return yield* checkFailed("another change starts pods again")
      if (new Set([before, after, connections]).size !== 3) return yield* checkFailed("a change starts no pod")
    })
  )
  yield* report.check(
    "the job that creates the topics has another name whenever it differs, since a job cannot be changed",
    Effect.gen(function* () {
      const job = (more: ReadonlyArray<string>) =>
        Effect.map(render(more), (text) => /name: (capi-topics-\w{8})/.exec(text)?.[1] ?? "")
      const names = yield* Effect.forEach(
        [
          [],
          ["--set", "image.tag=v2"],
          ["--set", "settings.LOG_LEVEL=Debug"],
          ["--set", "resources.limits.memory=1Gi"]
        ],
        job
      )
      if (names.includes("") || new Set(names).size !== names.length) return yield* checkFailed(names.join(", "))
      if ((yield* job(["--set", "processors.mapper.replicas=5"])) !== names[0])
        return yield* checkFailed("another change runs it again")
    })
  )
  yield* report.check(
    "the schemas refuse a field that Kubernetes does not know, and a wrong type",
    Effect.gen(function* () {
      const text = yield* render([])
      for (const [from, to] of [
        ["readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true"],
        ["replicas: 2", 'replicas: "two"']
      ] as const)
        if (!text.includes(from) || (yield* valid(text.replace(from, to))).code === 0)
          return yield* checkFailed(`${to} is valid`)
    })
  )
  yield* report.check(
    "a setting that is a secret by its name is refused, a reference to a master key is not",
    Effect.gen(function* () {
      const taken = (setting: string) =>
        Effect.map(run(helm, ["template", "capi", chart, "--set", `settings.${setting}`]), ({ code }) => code === 0)
      for (const secret of ["KAFKA_SASL_PASSWORD=x", "META_TOKEN=x", "CAPI_MASTER_KEY=x"])
        if (yield* taken(secret)) return yield* checkFailed(`${secret} is taken`)
      if (!(yield* taken("CAPI_MASTER_KEY=file:/secrets/key"))) return yield* checkFailed("a reference is refused")
    })
  )
  yield* report.check(
    "the console asks the indexer where both have its token, and may reach it; without one it has no address",
    Effect.gen(function* () {
      if ((yield* render([])).includes("CAPI_INDEXER_URL"))
        return yield* checkFailed("it has an address without a token")
      const manifests = manifestsOf(yield* render(["--set", "index.secret=capi-index"]))
      const text = (kind: string, name: string) =>
        JSON.stringify(manifests.find((one) => one.kind === kind && one.metadata.name === name) ?? null)
      const console = text("Deployment", "capi-console")
      if (!console.includes('"http://capi-indexer:8091"') || !console.includes('"capi-index"'))
        return yield* checkFailed(`the console lacks the address or the token: ${console}`)
      if (!text("Deployment", "capi-indexer").includes('"capi-index"'))
        return yield* checkFailed("the indexer lacks it")
      if (text("Deployment", "capi-mapper").includes('"capi-index"')) return yield* checkFailed("the mapper has it")
      const policy = manifests.find((one) => one.kind === "NetworkPolicy" && one.metadata.name === "capi-console")
      const [, afterLookups = ""] = JSON.stringify(policy ?? null).split('"lookups"', 2)
      if (!afterLookups.includes('"indexer"')) return yield* checkFailed("the console may not reach it")
    })
  )
  yield* report.check(
    "a setting of the values takes the place of the chart's",
    Effect.gen(function* () {
      const text = yield* render(["--set", "settings.LOG_FORMAT=pretty"])
      const found = text.match(/LOG_FORMAT: .*/g) ?? []
      if (found.join() !== 'LOG_FORMAT: "pretty"') return yield* checkFailed(`it has ${found.join(", ")}`)
    })
  )
  yield* report.check(
    "a misspelt value is an error",
    Effect.gen(function* () {
      for (const [value, name] of [
        ["networkPolicy.enable=false", "enable"],
        ["processors.delivery-metta.credentials=capi-meta", "delivery-metta"],
        ["processors.deliveries.programs={delivery-metta}", "programs/0"]
      ] as const) {
        const { code, err } = yield* run(helm, ["template", "capi", chart, "--set", value])
        if (code === 0 || !err.includes(name)) return yield* checkFailed(`it is taken: ${err.slice(0, 200)}`)
      }
    })
  )
  yield* checkGivenValues(report, { helm, chart, folder, render })
  return report.end()
})

const manifestsOf = (text: string): ReadonlyArray<Manifest> =>
  parseAllDocuments(text)
    .map((document) => document.toJSON())
    .filter((one) => one !== null)

runChecks("test-charts", main)
