/**
 * The name under which this command was started: `./capi` in a checkout, `capi-relay` of an installed package, `capi` in the image.
 * Messages are written with the first; where one is shown, it names what its reader can type.
 */
import process from "node:process"

/** Set by the launchers `capi` and `infra/images/capi`. */
const name = process.env["CAPI_COMMAND_NAME"] ?? ""

export const withCommandName = (text: string, command = name): string =>
  /^[\w-]+$/.test(command) ? text.replaceAll(/(?<![\w/.-])\.\/capi(?![\w.-])/g, command) : text
