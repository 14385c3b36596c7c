/**
 * `make build`: each program as one file and the chunks that it shares with others, in `dist/programs`. A program then
 * loads some twenty files in the place of seven hundred, of which only the parts that are used: half of the processor time of a
 * start, and 10 to 20 MiB less (docs/performance.md). Names and lines stay as they are written, for stack traces and profiles.
 */
import path from "node:path"
import process from "node:process"
import { build } from "rolldown"
import { processorFolders } from "../local/program-files.ts"
import { repository } from "../local/state.ts"
import { buildConsolePage } from "./console-page.ts"

/** Two folders below the root, as every module that looks for `schemas` or the root from where it is. */
export const programsFolder = path.join(repository, "dist/programs")

/**
 * `<folder>/<name>.js` for every processor (`delivery.js` takes the platform as its argument), and `capi.js`; `folder` must be two below the root. Gives the repository's files
 * that they are made of, relative to its root. `sandboxes`: with the platforms' sandboxes, for `capi-relay up --sandbox`; the
 * image has none.
 */
export const bundlePrograms = async (
  folder = programsFolder,
  { sandboxes = false } = {}
): Promise<ReadonlyArray<string>> => {
  const { output } = await build({
    cwd: repository,
    platform: "node",
    input: {
      ...Object.fromEntries(processorFolders.map((name) => [name, `./processors/${name}/main.ts`])),
      capi: "./infra/cli/main.ts"
    },
    // kafkajs is patched in its own modules (decision 10), which must be those that its users load.
    // AWS's client is loaded by those alone who keep secrets there.
    external: [
      /^kafkajs/,
      /^@kafkajs\//,
      "avsc",
      /^testcontainers/,
      /^@aws-sdk\//,
      ...(sandboxes ? [] : [/try-sandbox/])
    ],
    logLevel: "warn",
    output: { dir: folder, cleanDir: true, format: "esm", chunkFileNames: "[name]-[hash].js" }
  })
  const modules = output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []))
  return modules
    .filter((id) => id.startsWith(repository + path.sep))
    .map((id) => path.relative(repository, id))
    .filter((file) => !file.startsWith("node_modules"))
}

if (import.meta.main) {
  await bundlePrograms(programsFolder, { sandboxes: process.argv.includes("--sandboxes") })
  const page = await buildConsolePage()
  for (const made of [programsFolder, page]) process.stdout.write(`${path.relative(process.cwd(), made)}\n`)
}
