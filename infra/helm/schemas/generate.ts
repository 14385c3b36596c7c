/**
 * Remakes the JSON schemas beside it, which `make test-charts` checks the chart's output against (`make chart-schemas`).
 * Kubernetes' come from its OpenAPI document, those of KEDA and Prometheus' operator from their custom resource definitions, all of them in Go modules, which
 * `go mod download` brings. Each file has what one kind needs: without descriptions, and with no property that is not named.
 */
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { parse } from "yaml"

const kubernetes = "k8s.io/kubernetes@v1.37.2"

/** Custom resource definitions: the module, the file in it, and the file that is made. */
const custom = [
  ["github.com/kedacore/keda/v2@v2.21.0", "config/crd/bases/keda.sh_scaledobjects.yaml", "scaledobject-keda-v1alpha1"],
  [
    "github.com/prometheus-operator/prometheus-operator@v0.85.0",
    "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    "servicemonitor-monitoring-v1"
  ]
] as const

/** Definition in Kubernetes' OpenAPI document → file, by the names that kubeconform looks for. */
const kinds = {
  "io.k8s.api.apps.v1.Deployment": "deployment-apps-v1",
  "io.k8s.api.batch.v1.Job": "job-batch-v1",
  "io.k8s.api.core.v1.ConfigMap": "configmap-v1",
  "io.k8s.api.core.v1.Service": "service-v1",
  "io.k8s.api.core.v1.ServiceAccount": "serviceaccount-v1",
  "io.k8s.api.networking.v1.NetworkPolicy": "networkpolicy-networking-v1",
  "io.k8s.api.policy.v1.PodDisruptionBudget": "poddisruptionbudget-policy-v1"
}

type Json = string | number | boolean | null | ReadonlyArray<Json> | { readonly [key: string]: Json }
type Schema = { readonly [key: string]: Json }

const isSchema = (value: Json | undefined): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Keeps what is checked; closes every object that names its properties. */
const strict = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(strict)
  if (!isSchema(value)) return value
  if (value["format"] === "int-or-string" || value["x-kubernetes-int-or-string"] === true)
    return { oneOf: [{ type: "string" }, { type: "integer" }] }
  // A quantity may be written as a number: cpu: 2.
  if (value["description"]?.toString().startsWith("Quantity is a fixed-point")) return { type: ["string", "number"] }
  const kept = Object.entries(value)
    .filter(
      ([key, one]) => !/^x-kubernetes-|^(description|default|format)$/.test(key) || (isSchema(one) && key === "default")
    )
    .map(([key, one]) => [key, key === "properties" && isSchema(one) ? propertiesOf(one) : strict(one)])
  const closed = isSchema(value["properties"]) && value["additionalProperties"] === undefined
  return { ...Object.fromEntries(kept), ...(closed ? { additionalProperties: false } : {}) }
}

const propertiesOf = (properties: Schema): Schema =>
  Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, strict(one)]))

/** The definitions that a text refers to, and those that they refer to. */
const reachable = (name: string, all: Schema, found = new Set<string>()): ReadonlySet<string> => {
  for (const [, next] of JSON.stringify(all[name]).matchAll(/"#\/definitions\/([^"]+)"/g))
    if (!found.has(next!)) reachable(next!, all, found.add(next!))
  return found
}

const folderOf = (module: string): string =>
  JSON.parse(execFileSync("go", ["mod", "download", "-json", module], { encoding: "utf8" })).Dir

const write = (file: string, source: string, schema: Schema): void =>
  writeFileSync(
    path.join(import.meta.dirname, `${file}.gen.json`),
    `${JSON.stringify({ $comment: `From ${source} by generate.ts.`, ...schema })}\n`
  )

if (import.meta.main) {
  const openapi = path.join(folderOf(kubernetes), "api/openapi-spec/swagger.json")
  const { definitions }: { readonly definitions: Schema } = JSON.parse(readFileSync(openapi, "utf8"))
  for (const [name, file] of Object.entries(kinds)) {
    const needed = [...reachable(name, definitions)].sort().map((one) => [one, strict(definitions[one]!)])
    write(file, kubernetes, { ...(strict(definitions[name]!) as Schema), definitions: Object.fromEntries(needed) })
  }
  for (const [module, definition, file] of custom) {
    const crd = parse(readFileSync(path.join(folderOf(module), definition), "utf8"))
    const { openAPIV3Schema } = crd.spec.versions[0].schema
    // The API server adds what every resource has.
    const properties = { ...openAPIV3Schema.properties, metadata: { type: "object" } }
    write(file, module, strict({ ...openAPIV3Schema, properties }) as Schema)
  }
}
