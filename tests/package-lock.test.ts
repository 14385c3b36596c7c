import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"

interface Package {
  readonly bin?: Readonly<Record<string, string>>
  readonly hasInstallScript?: boolean
  readonly integrity?: string
  readonly optional?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly resolved?: string
}

const lock: { readonly packages: Readonly<Record<string, Package>> } = JSON.parse(
  readFileSync(new URL("../package-lock.json", import.meta.url), "utf8")
)

it("names the packages for other platforms too: npm ci refuses a lock file that lacks them", () => {
  const missing = Object.entries(lock.packages).flatMap(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !candidates(place, name).some((candidate) => candidate in lock.packages))
      .map((name) => `${place}: ${name}`)
  )
  assert.deepEqual(missing, [])
})

it("names no registry, so that everybody's own one is asked", () => {
  const resolved = Object.values(lock.packages).filter((entry) => entry.resolved !== undefined)
  assert.deepEqual(resolved, [])
})

it("locks by their hash every package that is no tool for one system alone, and every Node", () => {
  const installed = Object.entries(lock.packages).filter(([place]) => place !== "")
  const isNode = ({ bin = {} }: Package): boolean => "node" in bin
  const unlocked = installed
    .filter(([, one]) => one.optional !== true || isNode(one))
    .filter(([, { integrity = "" }]) => !integrity.startsWith("sha512-"))
  assert.deepEqual(unlocked, [])
  const nodes = installed.filter(([, one]) => isNode(one))
  assert.isAbove(nodes.length, 3)
  // A package that fetches another one by a script would bring it without a hash.
  assert.deepEqual(
    nodes.filter(([, { hasInstallScript = false }]) => hasInstallScript),
    []
  )
})

// Where Node looks for a package that the one at `place` asks for: beside it, then in each folder above.
const candidates = (place: string, name: string): ReadonlyArray<string> => {
  const parts = place === "" ? [] : place.split("/node_modules/")
  return [
    ...parts.map((_, index) => `${parts.slice(0, index + 1).join("/node_modules/")}/node_modules/${name}`),
    `node_modules/${name}`
  ]
}
