/** Where the programs' files are: the modules as they are written, or what `make build` made of them. */
import path from "node:path"
import { fileURLToPath } from "node:url"
import { repository } from "./state.ts"

/** A bundled program starts others from its folder, since an image holds no modules. */
const bundled = import.meta.url.endsWith(".js")

/** The file that Node runs for a processor, such as `normalizer`. */
export const processorFile = (name: string): string =>
  bundled ? besides(`${name}.js`) : path.join(repository, "processors", name, "main.ts")

/** The file that Node runs for the command line. */
export const commandLineFile = (): string => (bundled ? besides("capi.js") : path.join(repository, "infra/cli/main.ts"))

const besides = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
