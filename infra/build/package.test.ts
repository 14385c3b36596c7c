/** The package as its user gets it: packed, installed into an empty prefix, started from another folder. */
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import process from "node:process"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { version } from "../../shared/runtime/version.ts"
import { repository } from "../local/state.ts"

describe("the installed package", () => {
  let folder = ""
  let command = ""
  let installed = ""

  const npm = (...args: ReadonlyArray<string>) => {
    const { status, stderr, stdout } = spawnSync("npm", [...args], { cwd: repository, encoding: "utf8" })
    assert.strictEqual(status, 0, `npm ${args.join(" ")}: ${stdout}${stderr}`)
  }
  /** Runs the command in an empty folder, with a PATH of the system's tools and `node` alone. */
  const run = (args: ReadonlyArray<string>, pathVariable = process.env["PATH"]) => {
    const elsewhere = path.join(folder, "elsewhere")
    mkdirSync(elsewhere, { recursive: true })
    const { status, stdout, stderr } = spawnSync(command, [...args], {
      cwd: elsewhere,
      encoding: "utf8",
      env: { PATH: pathVariable, HOME: folder }
    })
    return { status, out: stdout, err: stderr, left: readdirSync(elsewhere) }
  }

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "capi-package-"))
    npm("pack", "--pack-destination", folder)
    const packed = path.join(folder, `capi-relay-${version}.tgz`)
    npm("install", "--global", "--prefix", path.join(folder, "prefix"), "--prefer-offline", packed)
    command = path.join(folder, "prefix/bin/capi-relay")
    installed = path.join(folder, "prefix/lib/node_modules/capi-relay")
  }, 300_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }), 120_000)

  it("starts from any folder, and says its version", () => {
    const help = run(["--help"])
    assert.strictEqual(help.status, 0, help.err)
    assert.include(help.out, "dead-letters")
    assert.include(run(["version"]).out, `capi-relay ${version} on Node.js `)
    assert.include(run(["--version"]).out, version)
  })

  it("shows the name that its user can type, and writes no state beside itself", () => {
    const { status, err, left } = run(["env"])
    assert.strictEqual(status, 1)
    assert.include(err, "capi-relay up --detach")
    assert.notInclude(err, "./capi")
    assert.include(run(["up", "--help"]).out, "capi-relay up --detach")
    assert.deepStrictEqual(left, [])
    assert.isFalse(existsSync(path.join(installed, ".capi")))
  })

  it("has the platforms' sandboxes", () => {
    const { status, err } = run(["up", "--sandbox"])
    assert.strictEqual(status, 2)
    assert.include(err, "The file of connections connections.yaml does not exist")
  })

  it("prepares events without broker and checkout", () => {
    const samples = path.join(installed, "examples/sample-events/sample-events.jsonl")
    const { status, out, err } = run(["prepare", samples, "--platform", "meta"])
    assert.strictEqual(status, 0, err)
    assert.include(out, '"event_name"')
  })

  it("holds what the programs need, and no source, test or credential", () => {
    const files = readdirSync(installed, { recursive: true, encoding: "utf8" }).filter(
      (file) => !file.startsWith("node_modules")
    )
    assert.isTrue(files.includes("dist/programs/mapper.js"))
    assert.deepStrictEqual(
      files.filter((file) => /\.ts$|\.env|\.pem$|^tests|^\.capi/.test(file)),
      []
    )
  })

  it("says which Node.js it needs where there is only an older one", () => {
    rmSync(path.join(installed, "node_modules/.bin/node"), { force: true })
    const bin = path.join(folder, "bin")
    mkdirSync(bin)
    for (const tool of ["sh", "dirname", "head", "readlink"]) {
      const found = ["/bin", "/usr/bin"].map((place) => path.join(place, tool)).find((file) => existsSync(file))
      symlinkSync(found!, path.join(bin, tool))
    }
    writeFileSync(path.join(bin, "node"), "#!/bin/sh\necho v18.20.0\n")
    chmodSync(path.join(bin, "node"), 0o755)
    const { status, err } = run(["--help"], bin)
    assert.strictEqual(status, 1)
    assert.include(err, "capi-relay: Node.js 24 or newer is needed, and this is v18.20.0.")
    assert.notInclude(err, "make install")
  })
})
