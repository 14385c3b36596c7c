/** The command tree: one line a command, each loaded only where it is asked for or all of them are shown. */
import { Command, Json } from "./cli.ts"

/** In the order of the help. */
export const commands = {
  up: async () => (await import("./commands/local.ts")).up,
  down: async () => (await import("./commands/local.ts")).down,
  env: async () => (await import("./commands/local.ts")).env,
  run: async () => (await import("./commands/run.ts")).run,
  topics: async () => (await import("./commands/topics.ts")).topics,
  send: async () => (await import("./commands/send.ts")).send,
  top: async () => (await import("./commands/top.ts")).top,
  tap: async () => (await import("./commands/tap.ts")).tap,
  tail: async () => (await import("./commands/tail.ts")).tail,
  results: async () => (await import("./commands/results.ts")).results,
  trace: async () => (await import("./commands/trace.ts")).trace,
  explain: async () => (await import("./commands/explain.ts")).explain,
  "dead-letters": async () => (await import("./commands/dead-letters.ts")).deadLetters,
  "give-up": async () => (await import("./commands/give-up.ts")).giveUp,
  redrive: async () => (await import("./commands/redrive.ts")).redrive,
  unknown: async () => (await import("./commands/unknown.ts")).unknown,
  health: async () => (await import("./commands/health.ts")).health,
  doctor: async () => (await import("./commands/doctor.ts")).doctor,
  notify: async () => (await import("./commands/notify.ts")).notify,
  ledger: async () => (await import("./commands/ledger.ts")).ledger,
  replay: async () => (await import("./commands/replay.ts")).replay,
  erase: async () => (await import("./commands/erase.ts")).erase,
  erasures: async () => (await import("./commands/erasures.ts")).erasures,
  subject: async () => (await import("./commands/subject.ts")).subject,
  connect: async () => (await import("./commands/connect.ts")).connect,
  credentials: async () => (await import("./commands/credentials.ts")).credentials,
  lint: async () => (await import("./commands/lint.ts")).lint,
  prepare: async () => (await import("./commands/prepare.ts")).prepare,
  map: async () => (await import("./commands/map.ts")).map,
  quality: async () => (await import("./commands/quality.ts")).quality,
  version: async () => (await import("./commands/version.ts")).version
}

/** The tree that these arguments need: one command, or all where the help or a correction of a slip names them. */
export const loadRoot = async (args: ReadonlyArray<string>) => {
  const name = args.find((arg) => !arg.startsWith("-"))
  const chosen = Object.entries(commands).filter(([command]) => command === name)
  const loaders = (chosen.length > 0 ? chosen : Object.entries(commands)).map(([, load]) => load())
  return Command.make("capi").pipe(
    Command.withDescription(
      "Runs and looks after capi-relay, which delivers conversion events to ad platforms.\n" +
        "  Exit codes: 0 done, 1 failed or something wrong was found, 2 wrong use or configuration, 3 something does not\n" +
        "  answer, 130 interrupted."
    ),
    Command.withSubcommands(await Promise.all(loaders)),
    Command.withGlobalFlags([Json])
  )
}
