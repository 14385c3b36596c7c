/** The delivery program; its argument is the platform: delivers to every enabled connection of the platform. */
import process from "node:process"
import { connectors } from "../../shared/connectors/registry.ts"
import type { Platform } from "../../shared/model/platform.ts"
import { exitCodes } from "../../shared/runtime/exit.ts"
import { runProgram } from "../../shared/runtime/program.ts"
import { deliveryProgram } from "./program.ts"

const platforms = [...new Set(Object.values(connectors).map(({ platform }) => platform))]
const isPlatform = (name: string | undefined): name is Platform => platforms.some((platform) => platform === name)

const name = process.argv[2]
if (isPlatform(name)) runProgram(deliveryProgram(name))
else {
  const problem = name === undefined ? "The platform is missing." : `There is no platform ${JSON.stringify(name)}.`
  process.stderr.write(`delivery: ${problem} Name one of ${platforms.join(", ")}, such as: delivery ${platforms[0]}.\n`)
  process.exitCode = exitCodes.usage
}
