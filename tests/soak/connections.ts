/** The file of connections of a soak: the example's, further accounts of Meta, and one that comes and goes. Pure. */
import { readFileSync } from "node:fs"
import { sampleConnections } from "../../infra/demo/environment.ts"
import { connectionsIn, withAccounts } from "../bench/account-load.ts"

export interface Accounts {
  /** Connections in all, without the one that comes and goes. */
  readonly count: number
  /** Of Meta's sandbox. */
  readonly host: string
  /** Holds the token of `meta-shop`. */
  readonly tokenFile: string
  readonly added: boolean
  /** `tiktok-shop` is disabled, and `pinterest-shop` waits longer for a full request. */
  readonly paused: boolean
}

/** How many connections the example has: the fewest that there can be. */
export const connectionsMin = connectionsIn(readFileSync(sampleConnections, "utf8"))

export const connectionsText = ({ count, host, tokenFile, added, paused }: Accounts): string => {
  const example = readFileSync(sampleConnections, "utf8").replace(
    "credential: env:META_TOKEN",
    `credential: "file:${tokenFile}"`
  )
  const changed = paused
    ? example
        .replace("    platform: tiktok\n", "    platform: tiktok\n    enabled: false\n")
        .replace("    platform: pinterest\n", "    platform: pinterest\n    limits: { linger: 2 seconds }\n")
    : example
  return withAccounts(changed, count + (added ? 1 : 0), host)
}
