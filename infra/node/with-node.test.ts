/** On which Node the documented commands run, and what they say if no Node can. */
import { spawnSync } from "node:child_process"
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { repository } from "../local/state.ts"

/** What a stand-in for Node does: prints its version, or fails as the system's loader does. */
type Stand = { readonly version: string } | { readonly fails: string; readonly code?: number }

const stand = (file: string, what: Stand): void => {
  mkdirSync(path.dirname(file), { recursive: true })
  const script =
    "version" in what
      ? `[ "$1" = --version ] && { echo ${what.version}; exit; }\necho "on ${what.version}:" "$@"`
      : `echo ${JSON.stringify(what.fails)} >&2\nexit ${what.code ?? 127}`
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}

/** Runs the launchers of a checkout with the packages' Node, and the system's, as given; null for none. */
const checkout = ({ brought, system }: { readonly brought: Stand | null; readonly system: Stand | null }) => {
  const folder = temporaryFolder()
  for (const file of ["capi", "infra/node/with-node", "infra/cli/capi.mjs"])
    cpSync(path.join(repository, file), path.join(folder, file))
  if (brought !== null) stand(path.join(folder, "node_modules/.bin/node"), brought)
  if (system !== null) stand(path.join(folder, "usr/bin/node"), system)
  const bin = path.join(folder, "usr/bin")
  mkdirSync(bin, { recursive: true })
  for (const tool of tools) symlinkSync(tool, path.join(bin, path.basename(tool)))
  const run = (command: string, ...args: ReadonlyArray<string>) => {
    const { status, stdout, stderr } = spawnSync(path.join(folder, command), args, {
      encoding: "utf8",
      cwd: "/",
      env: { PATH: bin }
    })
    return { status, out: stdout.trim(), err: stderr.trim() }
  }
  return { folder, run }
}

/** What the shell needs of the system, whose own folders may hold a Node too. */
const tools = ["sh", "dirname", "head", "readlink"].map(
  (tool) => ["/bin", "/usr/bin"].map((folder) => path.join(folder, tool)).find((file) => existsSync(file))!
)

const noAtomic = {
  fails:
    "/x/node: error while loading shared libraries: libatomic.so.1: cannot open shared object file: No such file or directory"
}
const [node20, node24, node26] = ["v20.20.2", "v24.1.0", "v26.10.0"].map((version) => ({ version })) as [
  Stand,
  Stand,
  Stand
]

describe("with-node", () => {
  it.each([
    ["the packages' before an older one of the system", node26, node20, "v26.10.0"],
    ["the packages' before any of the system", node26, node24, "v26.10.0"],
    ["the packages' where the system has none", node26, null, "v26.10.0"],
    ["the system's where the packages' does not run", noAtomic, node24, "v24.1.0"],
    ["the system's where there are no packages", null, node24, "v24.1.0"]
  ] as const)("takes %s", (_name, brought, system, version) => {
    const { run, folder } = checkout({ brought, system })
    assert.deepEqual(run("infra/node/with-node", "node", "a b.ts", "--flag"), {
      status: 0,
      out: `on ${version}: a b.ts --flag`,
      err: ""
    })
    assert.deepEqual(run("capi", "--help"), {
      status: 0,
      out: `on ${version}: ${folder}/infra/cli/capi.mjs --help`,
      err: ""
    })
  })

  it.each([
    [
      "libatomic is missing",
      noAtomic,
      node20,
      /^capi-relay: The Node\.js that npm has brought needs the library libatomic: apt install libatomic1 \(Debian, Ubuntu\), dnf install libatomic \(Fedora, RHEL\), apk add libatomic \(Alpine\); or Node\.js 24 or newer, which is then used\.$/
    ],
    [
      "libatomic is missing and the system has none",
      noAtomic,
      null,
      /needs the library libatomic: apt install libatomic1/
    ],
    [
      "libstdc++ is missing",
      { fails: "node: error while loading shared libraries: libstdc++.so.6: cannot open shared object file" },
      node20,
      /needs the library libstdc\+\+: apt install libstdc\+\+6/
    ],
    [
      "the system has another C library",
      { fails: "sh: /x/node: not found" },
      node20,
      /is for systems with glibc, .*apk add nodejs/
    ],
    [
      "it crashes",
      { fails: "Illegal instruction", code: 132 },
      node20,
      /^capi-relay: The Node\.js that npm has brought does not run \(Illegal instruction\)\. Install Node\.js 24 or newer/
    ],
    [
      "nothing is installed",
      null,
      node20,
      /^capi-relay: Node\.js 24 or newer is needed, and this is v20\.20\.2\. Run `make install`/
    ],
    ["there is no Node at all", null, null, /^capi-relay: Node\.js was not found\. Install Node\.js 20 or newer/]
  ] as const)("says in one line what to install where %s", (_name, brought, system, line) => {
    const { run } = checkout({ brought, system })
    for (const ran of [run("infra/node/with-node", "node", "x.ts"), run("capi", "--help")]) {
      assert.deepEqual([ran.status, ran.out], [1, ""])
      assert.match(ran.err, line)
      assert.notInclude(ran.err, "\n")
    }
  })

  it("is found through a link to the command", () => {
    const { run, folder } = checkout({ brought: node26, system: node20 })
    mkdirSync(path.join(folder, "elsewhere"))
    symlinkSync("../capi", path.join(folder, "elsewhere/capi"))
    symlinkSync(path.join(folder, "elsewhere/capi"), path.join(folder, "elsewhere/again"))
    assert.include(run("elsewhere/again", "--version").out, "on v26.10.0:")
  })
})

describe("every documented command", () => {
  const read = (file: string) => readFileSync(path.join(repository, file), "utf8")

  it("runs on that Node: make's targets", () => {
    const recipes = read("Makefile")
      .split("\n")
      .filter((line) => line.startsWith("\t"))
    const running = recipes.filter((line) => /\.ts\b|\b(?:vitest|tsc|biome)\b/.test(line))
    assert.isAbove(running.length, 20)
    assert.deepStrictEqual(
      running.filter((line) => !/\$\(ON_NODE\) (?:node|vitest|tsc|biome) /.test(line)),
      []
    )
  })

  it("runs on that Node: npm's scripts", () => {
    const scripts: Readonly<Record<string, string>> = JSON.parse(read("package.json")).scripts
    for (const command of Object.values(scripts).flatMap((script) => script.split(" && ")))
      assert.match(command, /^infra\/node\/with-node (?:node|vitest|tsc|biome) /)
  })

  it("is not `node` and a TypeScript file: the system's may be older", () => {
    const files = spawnSync("git", ["ls-files"], { cwd: repository, encoding: "utf8" }).stdout.split("\n")
    const documented = files.filter(
      (file) => /\.(md|ts|mjs|ya?ml|sh|tpl)$/.test(file) && !file.endsWith("with-node.test.ts")
    )
    assert.isAbove(documented.length, 400)
    const wrong = documented.flatMap((file) =>
      read(file)
        .split("\n")
        .filter((line) => /(?<!with-node )\bnode (?:--\S+ )*[\w./<>-]+\.ts\b/.test(line))
        .map((line) => `${file}: ${line.trim()}`)
    )
    // The README says of this very form what it needs.
    assert.deepStrictEqual(
      wrong.filter((line) => !line.includes("`node <file>.ts` needs a Node ≥ 24")),
      []
    )
  })
})
