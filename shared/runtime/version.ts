/** The version of what runs, as `make release` has set it. */
import packageJson from "../../package.json" with { type: "json" }

export const version: string = packageJson.version
