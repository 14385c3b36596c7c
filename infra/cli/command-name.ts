/**
 * The name under which this command was started: `./capi` in a checkout, `capi-relay` of an installed package, `capi` in the image.
 * Messages are written with the first; where one is shown, it names what its reader can type.
 */
import process from "node:process"

/** Set by the launchers `capi` and `infra/images/capi`. */
const name = process.env["CAPI_COMMAND_NAME"] ?? ""

const isName = (command: string): boolean => /^[\w-]+$/.test(command)

/** What a shell completes: the last part of what is typed. */
export const completedName: string = isName(name) ? name : "capi"

export const withCommandName = (text: string, command = name): string =>
  isName(command) ? text.replaceAll(/(?<![\w/.-])\.\/capi(?![\w.-])/g, command) : text
