/** `./capi doctor`: checks a deployment from outside of its programs, and says what to do about what it finds. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { programsWithRights } from "../../../shared/model/rights.ts"
import { exitCodes } from "../../../shared/runtime/exit.ts"
import { Command, CommandError, Flag } from "../cli.ts"
import { type Finding, groups, statuses } from "../doctor/check.ts"
import { examine } from "../doctor/examination.ts"
import { type Colour, count, type Paint, show } from "../output.ts"

const selfTest = Flag.Boolean("self-test").pipe(
  Flag.withDescription(
    "Also begin a transaction for each program, and write a record that is no event to raw-events, which must reach dead-letters"
  ),
  Flag.withDefault(false)
)
const program = Flag.Literals("program", programsWithRights).pipe(
  Flag.withDescription(
    "A program that runs under this user of Kafka, whose rights are checked; repeatable, all where absent"
  ),
  Flag.between(0, programsWithRights.length)
)
const on = Flag.String("on").pipe(
  Flag.withDescription("Check credentials and API versions as they will be on this day (2027-01-15)"),
  Flag.filterMap(
    (text) => (Number.isNaN(Date.parse(text)) ? Option.none() : Option.some(Date.parse(text))),
    (text) => `--on must be a date such as 2027-01-15, not ${JSON.stringify(text)}`
  ),
  Flag.optional
)
const strict = Flag.Boolean("strict").pipe(
  Flag.withDescription("Exit with 1 for warnings too"),
  Flag.withDefault(false)
)

export const doctor = Command.make("doctor", { selfTest, program, on, strict }, (flags) =>
  Effect.gen(function* () {
    const findings = yield* examine({
      selfTest: flags.selfTest,
      programs: flags.program,
      on: Option.getOrNull(flags.on)
    })
    const counts = Object.fromEntries(
      statuses.map((status) => [status, findings.filter((finding) => finding.status === status).length])
    )
    yield* show({ findings, counts }, (paint) => report(findings, counts, paint))
    const bad = findings.filter(({ status }) => status === "failed" || (flags.strict && status === "warning"))
    if (bad.length > 0) return yield* problemsFound(bad)
  })
).pipe(
  Command.withDescription(
    "Check Kafka, topics, rights, registry, clock, credentials, platforms, event ids and consumer groups, before a start or any time"
  ),
  Command.withExamples([
    { command: "./capi doctor", description: "Everything that can be seen without writing" },
    { command: "./capi doctor --self-test", description: "Also what is found out only by writing" },
    { command: "./capi doctor --program mapper", description: "With the rights of the mapper's user" },
    { command: "./capi doctor --on 2027-01-15", description: "What will have ended by then" }
  ])
)

const words: Readonly<Record<Finding["status"], readonly [word: string, colour: Colour]>> = {
  ok: ["ok", "green"],
  warning: ["warning", "yellow"],
  failed: ["FAILED", "red"],
  not_checked: ["not checked", "dim"]
}
const wordWidth = 12

const report = (findings: ReadonlyArray<Finding>, counts: Readonly<Record<string, number>>, paint: Paint): string =>
  [
    ...groups.flatMap((group) => {
      const own = findings.filter((finding) => finding.group === group)
      return own.length === 0 ? [] : [paint("bold", group), ...own.flatMap((finding) => linesOf(finding, paint))]
    }),
    "",
    `${counts["ok"]} ok, ${count(counts["warning"] ?? 0, "warning")}, ${counts["failed"]} failed, ${counts["not_checked"]} not checked.`
  ].join("\n")

const linesOf = ({ check, status, message, next }: Finding, paint: Paint): ReadonlyArray<string> => {
  const [word, colour] = words[status]
  const line = `  ${paint(colour, word.padEnd(wordWidth))} ${check}: ${message}`
  return next === undefined ? [line] : [line, `  ${" ".repeat(wordWidth)} → ${next}`]
}

const problemsFound = (bad: ReadonlyArray<Finding>) => {
  const settings = bad.some(({ group, status }) => group === "settings" && status === "failed")
  return new CommandError({
    code: "problems_found",
    message: `${count(bad.length, "problem")} ${bad.length === 1 ? "was" : "were"} found.`,
    nextStep: "Each line above says what to do.",
    exitCode: settings ? exitCodes.usage : exitCodes.failure
  })
}
