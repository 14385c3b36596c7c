/**
 * `make mutants`: applies each mutant to a copy of the repository and runs the test that must fail. Prints the mutants that no
 * test noticed and ends with 1 if there are any. ONLY=text takes those whose file, test or description has the text; KAFKA=0 leaves out
 * tests that need a broker.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { localBroker } from "../../infra/local/broker.ts"
import { localRegistry } from "../../infra/local/registry.ts"
import { defaultStateDirectory, repository } from "../../infra/local/state.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { runProcess } from "../harness/run-command.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import type { Mutant } from "./mutant.ts"
import { mutants } from "./mutants.ts"

endWithLauncher()

const print = (line: string): void => void process.stdout.write(`${line}\n`)

const main = Effect.gen(function* () {
  const only = process.env["ONLY"] ?? ""
  const chosen = mutants
    .flatMap((mutant) => mutant.tests.map((test) => ({ mutant, test })))
    .filter((pair) => JSON.stringify([pair.test, pair.mutant.wrong, pair.mutant.file]).includes(only))
    .filter(({ test }) => process.env["KAFKA"] !== "0" || !isKafkaTest(test))
  const copy = yield* copyOfRepository
  const needsKafka = chosen.some(({ test }) => isKafkaTest(test))
  const environment = needsKafka ? yield* startServices : {}
  const run = (test: string) => Effect.promise(() => runTest(copy, test, environment))

  const survivors: Array<string> = []
  for (const [test, group] of Map.groupBy(chosen, (pair) => pair.test)) {
    // A test that fails by itself would kill every mutant.
    if ((yield* run(test)) !== "passed") {
      print(`FAILS UNCHANGED  ${test}`)
      survivors.push(...group.map(({ mutant }) => describe(mutant, test)))
      continue
    }
    for (const { mutant } of group) {
      const result = yield* Effect.acquireUseRelease(
        Effect.sync(() => apply(copy, mutant)),
        () => run(test),
        (original) => Effect.sync(() => writeFileSync(path.join(copy, mutant.file), original))
      )
      print(`${result === "failed" ? "killed  " : "SURVIVED"}  ${describe(mutant, test)}`)
      if (result !== "failed") survivors.push(describe(mutant, test))
    }
  }
  print(`${chosen.length - survivors.length} of ${chosen.length} are killed.`)
  for (const one of survivors) print(`SURVIVED  ${one}`)
  return survivors.length === 0
})

const describe = ({ wrong, file }: Mutant, test: string): string => `${wrong} (${file}, ${test})`

/** Tracked and new files, with the installed modules and the jars of the original. */
const copyOfRepository: Effect.Effect<string, never, Scope.Scope> = Effect.gen(function* () {
  const list = yield* Effect.promise(() =>
    runProcess("git", ["-C", repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
  )
  // The path that the system resolves it to: modules are compared by it.
  const copy = yield* scopedFolder("mutants")
  for (const file of list.out.split("\0").filter((name) => name !== ""))
    cpSync(path.join(repository, file), path.join(copy, file), { force: true, recursive: true })
  symlinkSync(path.join(repository, "node_modules"), path.join(copy, "node_modules"))
  mkdirSync(path.join(copy, ".capi"), { recursive: true })
  mkdirSync(path.join(defaultStateDirectory, "jars"), { recursive: true })
  symlinkSync(path.join(defaultStateDirectory, "jars"), path.join(copy, ".capi/jars"))
  return copy
})

/** One broker and registry for all tests that need them. */
const startServices = Effect.gen(function* () {
  const options = {
    stateDirectory: yield* scopedFolder("mutants-kafka"),
    ending: "kill",
    fastStart: true,
    onProgress: print
  } as const
  const [broker, registry] = yield* Effect.all([localBroker(options), localRegistry(options)], { concurrency: 2 })
  return { KAFKA_BROKERS: broker.brokers, SCHEMA_REGISTRY_URL: registry.url }
})

const apply = (copy: string, { file, from, to }: Mutant): string => {
  const target = path.join(copy, file)
  const original = readFileSync(target, "utf8")
  if (original.split(from).length !== 2) throw new Error(`${file} does not have exactly once: ${from}`)
  writeFileSync(
    target,
    original.replace(from, () => to)
  )
  return original
}

const isKafkaTest = (test: string): boolean => test.endsWith(".kafka.test.ts")

/** `error` where no test ran: a change that does not even load says nothing. */
const runTest = async (
  copy: string,
  test: string,
  environment: Readonly<Record<string, string>>
): Promise<"passed" | "failed" | "error"> => {
  const project = isKafkaTest(test) ? "kafka" : "unit"
  const folder = mkdtempSync(path.join(tmpdir(), "capi-mutant-report-"))
  const report = path.join(folder, "report.json")
  await runProcess(
    process.execPath,
    [
      path.join(copy, "node_modules/vitest/vitest.mjs"),
      ...["run", "--root", copy, "--project", project, test, "--reporter=json", `--outputFile=${report}`]
    ],
    environment
  )
  try {
    const { numFailedTests, numPassedTests } = JSON.parse(readFileSync(report, "utf8")) as Readonly<
      Record<"numFailedTests" | "numPassedTests", number>
    >
    return numFailedTests > 0 ? "failed" : numPassedTests > 0 ? "passed" : "error"
  } catch {
    return "error"
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

NodeRuntime.runMain(Effect.scoped(main), {
  teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) && exit.value ? 0 : 1)
})
