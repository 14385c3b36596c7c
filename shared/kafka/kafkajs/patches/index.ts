/**
 * kafkajs with every patch of this folder, and the only way to it (decision 10). kafkajs has no hooks for what they change, and
 * version 2.2.4 is its last one. Another version is refused: the patches rely on its inner modules.
 */
import { createRequire } from "node:module"
import path from "node:path"
import { patchedVersion, UnsupportedKafkaJs } from "../supported-version.ts"
import { patches } from "./table.ts"

/**
 * Loads kafkajs with the patches. Whatever loaded it before keeps a copy without them: the modules are loaded again.
 * Throws `UnsupportedKafkaJs`. `require` resolves and caches the modules.
 */
export const loadKafkaJs = (require: NodeJS.Require): typeof import("kafkajs") => {
  const manifest = require.resolve("kafkajs/package.json")
  const { version } = require(manifest) as { readonly version: string }
  if (version !== patchedVersion) throw new UnsupportedKafkaJs(version)
  const folder = path.dirname(manifest) + path.sep
  for (const file of Object.keys(require.cache)) if (file.startsWith(folder)) delete require.cache[file]
  for (const { module, apply } of patches) {
    const file = require.resolve(`kafkajs/src/${module}`)
    const isInUse = require.cache[file] !== undefined
    const original: unknown = require(file)
    const patched = apply(original)
    if (patched === original) continue
    // Its users hold what it exported when they were loaded.
    if (isInUse) throw new Error(`The patch of ${module} must come before those of modules that use it.`)
    require.cache[file]!.exports = patched
  }
  return require("kafkajs") as typeof import("kafkajs")
}

export default loadKafkaJs(createRequire(import.meta.url))
