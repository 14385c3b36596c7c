/** docs/reference/outcomes.md: what each outcome and reason means, and the next step. */
import { dropReasons } from "../../processors/normalizer/identity/field.ts"
import { nextSteps, problemReasons } from "../../processors/normalizer/normalize/problem.ts"
import http from "../../shared/connectors/http/classification.json" with { type: "json" }
import { connectors } from "../../shared/connectors/registry.ts"
import type { ClassificationRow } from "../../shared/connectors/verdicts.ts"
import { outcomes } from "../cli/filter-values.ts"
import { stageReasonCodes } from "../cli/reason-codes.ts"
import { code, codes, page, table } from "./markdown.ts"
import { dropMeanings, type Explanation, outcomeMeanings, problemMeanings, stageReasons } from "./reasons.ts"

export const outcomesPage = (): string =>
  page("Outcomes and reasons", [
    `Each event has one outcome or more at each connection, as records of [\`delivery-results\`](topics.md#delivery-results); \`./capi results --event <id>\` shows them with the
one that counts, \`./capi results --summary\` how many there are of each reason. What cannot go on is on \`dead-letters\` too, with its next step.`,
    "## Outcomes",
    explained(outcomes, outcomeMeanings, "outcome"),
    "## Reasons",
    "### Of the normalizer",
    "The record is a dead letter, and goes to no platform.",
    table(
      ["reason", "meaning", "next step"],
      problemReasons.map((reason) => [code(reason), known(problemMeanings, reason), nextSteps[reason]])
    ),
    "### Of mapping and delivery",
    explained([...stageReasonCodes].sort(), stageReasons, "reason"),
    "### Values that were left out",
    `The event goes on without them; \`dropped_fields\` of its results names each with its reason. Connectors have further ones for what their platform does not take.`,
    table(
      ["reason", "the value is"],
      dropReasons.map((reason) => [code(reason), known(dropMeanings, reason)])
    ),
    "### Of the platforms",
    `A reason is the platform's word (\`INVALID_ARGUMENT\`), or a word of ours and the platform's number (\`event_too_old:100/2804003\`); \`--reason\` takes either. What
follows from an answer: *delivered* and *accepted* are outcomes; a *duplicate* is delivered; *invalid event* is rejected; *throttled* and *transient* are tried again; *auth* and *configuration*
pause the connection and lose nothing; *unknown* is tried again, then a dead letter.`,
    ...Object.values(connectors).flatMap(({ name, kind, classifications }) => [
      `#### ${name} (\`${kind}\`)`,
      rowTable(
        classifications
          .flatMap(({ rows }) => rows)
          .filter((row, index, all) => !isCommon(row) && all.indexOf(row) === index)
      )
    ]),
    "#### By the status alone",
    "Where a platform's table knows no more.",
    rowTable(http.rows as ReadonlyArray<ClassificationRow>)
  ])

const commonTexts = new Set(http.rows.map((row) => JSON.stringify([row.class, row.reason])))
const isCommon = (row: ClassificationRow): boolean => commonTexts.has(JSON.stringify([row.class, row.reason]))

const rowTable = (rows: ReadonlyArray<ClassificationRow>): string =>
  table(
    ["answer", "reason", "what it is", "meaning", "next step"],
    rows.map((row) => [answerOf(row), wordOf(row), row.class.replaceAll("_", " "), row.reason, row.next_step])
  )

const answerOf = ({ match }: ClassificationRow): string =>
  Object.entries(match)
    .map(([sign, patterns]) => `${sign} ${codes(patterns ?? [])}`)
    .join("; ")

const wordOf = ({ word, match }: ClassificationRow): string =>
  word !== undefined
    ? code(word)
    : (match.code ?? match.flag ?? []).length > 0
      ? "as it is answered"
      : "`http_<status>`"

const explained = (
  names: ReadonlyArray<string>,
  explanations: Readonly<Record<string, Explanation>>,
  head: string
): string =>
  table(
    [head, "meaning", "next step"],
    names.map((name) => {
      const { meaning, nextStep } = known(explanations, name)
      return [code(name), meaning, nextStep]
    })
  )

const known = <A>(table: Readonly<Record<string, A>>, name: string): A => {
  const found = table[name]
  if (found === undefined) throw new Error(`${name} has no meaning yet: add it to infra/reference/reasons.ts.`)
  return found
}
