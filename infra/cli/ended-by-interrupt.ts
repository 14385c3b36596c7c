/** Whether Ctrl-C is how a command ends, or cuts it off. */

/** Commands that run until they are stopped. */
const endless = ["up", "run", "tail", "tap", "top"]

/** @param args those of the command line */
export const endsByInterrupt = (args: ReadonlyArray<string>): boolean => {
  const name = args.find((arg) => !arg.startsWith("-")) ?? ""
  if (name !== "tail") return endless.includes(name)
  // With a start and without `--follow` it ends by itself.
  return !args.some((arg) => /^--(?:from|last)(?:=|$)/.test(arg)) || args.some((arg) => /^(?:-f|--follow)$/.test(arg))
}
