/** The programs, and where their files are: the modules as they are written, or what `make build` made of them. */
import path from "node:path"
import { fileURLToPath } from "node:url"
import { type Platform, platforms } from "../../shared/model/platform.ts"
import { repository } from "./state.ts"

export type ProgramName =
  | "normalizer"
  | "mapper"
  | `delivery-${Platform}`
  | "health"
  | "notifier"
  | "indexer"
  | "console"

/** Every program: the processors, with one delivery for each platform. */
export const programNames: ReadonlyArray<ProgramName> = [
  "normalizer",
  "mapper",
  ...platforms.map((platform) => `delivery-${platform}` as const),
  "health",
  "notifier",
  "indexer",
  "console"
]

/** Folders of `processors/`, of which a bundle has a file each. */
export const processorFolders: ReadonlyArray<string> = [
  "normalizer",
  "mapper",
  "delivery",
  "health",
  "notifier",
  "indexer",
  "console"
]

/** A program's folder in `processors/`, and its arguments: `["delivery", "meta"]` for `delivery-meta`. */
export const folderAndArguments = (program: string): readonly [folder: string, ...args: ReadonlyArray<string>] =>
  program.startsWith("delivery-") ? ["delivery", program.slice("delivery-".length)] : [program]

/** A bundled program starts others from its folder, since an image holds no modules. */
const bundled = import.meta.url.endsWith(".js")

/** What Node runs for a program: its file and its arguments. The files are the modules, or a bundle's where this is one. */
export const programCommand = (program: string): ReadonlyArray<string> =>
  bundled ? bundleCommand(fileURLToPath(new URL(".", import.meta.url)), program) : sourceCommand(program)

/** What Node runs for a program as it is written. */
export const sourceCommand = (program: string): ReadonlyArray<string> => {
  const [folder, ...args] = folderAndArguments(program)
  return [path.join(repository, "processors", folder, "main.ts"), ...args]
}

/** What Node runs for a program of a bundle. */
export const bundleCommand = (bundle: string, program: string): ReadonlyArray<string> => {
  const [folder, ...args] = folderAndArguments(program)
  return [path.posix.join(bundle, `${folder}.js`), ...args]
}

/** The file that Node runs for the command line. */
export const commandLineFile = (): string =>
  bundled ? fileURLToPath(new URL("capi.js", import.meta.url)) : path.join(repository, "infra/cli/main.ts")
