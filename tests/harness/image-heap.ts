/** The heap that the image gives a program, for tests of programs whose memory counts. */
import { readFileSync } from "node:fs"

/** `NODE_OPTIONS` of the image: `--max-old-space-size=192` and what goes with it. */
export const imageNodeOptions = /^ENV NODE_OPTIONS="(.+)"$/m.exec(readFileSync("infra/images/Dockerfile", "utf8"))![1]!
