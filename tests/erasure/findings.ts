/** What is wrong in the evidence of an erasure run: nothing, if every promise held. Pure. */
import type { Evidence } from "./erasure.ts"
import { bob, jane, joe, people } from "./people.ts"

export const findings = (evidence: Evidence): ReadonlyArray<string> => [
  ...traces(evidence),
  ...exports(evidence),
  ...outcomes(evidence),
  ...proofs(evidence)
]

/** A scan that finds nothing before would prove nothing after. */
const heldBefore = ["raw-events", "normalized-events", "mapped-events.meta", "mapped-events.tiktok"]

const traces = ({ before, after, deadLetters, shown }: Evidence): ReadonlyArray<string> => [
  ...heldBefore
    .filter((topic) => !before.has(`erasure.${topic}`))
    .map((topic) => `${topic} did not hold the person before: the scan finds nothing`),
  ...(before.has("erasure.sealed-events") ? ["sealed-events held the person readably"] : []),
  ...(deadLetters === 0 ? [] : [`${deadLetters} dead letters are left`]),
  ...shown.map((what) => `the console shows ${what}`),
  ...after.map(({ file, what }) => `${what} is still in ${file}`)
]

const exports = ({ exported, dryRun }: Evidence): ReadonlyArray<string> => [
  ...(exported.before.includes(jane.email.toUpperCase()) && exported.before.includes(jane.lastName)
    ? []
    : ["the export before does not hold the person's data"]),
  ...[jane.email, jane.lastName, jane.phone]
    .filter((text) => sealedLinesOf(exported.after).toLowerCase().includes(text.toLowerCase()))
    .map(() => "the export after opens sealed records of the erased person"),
  ...(sealedLinesOf(exported.ofJoe).includes(joe.lastName)
    ? []
    : ["another person's sealed records do not open any more"]),
  ...(dryRun.exitCode === 0 && (JSON.parse(dryRun.out) as { secrets: number }).secrets > 0
    ? []
    : ["the dry run does not say what is held"])
]

const sealedLinesOf = (lines: string): string =>
  lines
    .split("\n")
    .filter((line) => line.includes('"topic":"sealed-events"'))
    .join("\n")

const outcomes = ({ outcomes, received, ledger }: Evidence): ReadonlyArray<string> => {
  const expected = (person: number, connection: string): ReadonlyArray<string> => {
    if (connection === "meta-shop") return ["delivered"]
    if (people[person] === jane) return ["skipped:erased"]
    return people[person] === bob ? ["skipped:consent_withdrawn"] : ["delivered"]
  }
  const wrong = people.flatMap((_, person) =>
    [0, 1, 2].flatMap((index) =>
      ["meta-shop", "tiktok-shop"].flatMap((connection) => {
        const name = `event-${person}-${index} ${connection}`
        const found = outcomes.get(name) ?? "nothing"
        // A replay adds a skip to what was delivered before.
        const isRight =
          expected(person, connection).includes(found) || (connection === "meta-shop" && found.startsWith("skipped:"))
        return isRight ? [] : [`${name} is ${found}`]
      })
    )
  )
  const sent = people.flatMap((person, index) =>
    person === joe
      ? []
      : [0, 1, 2].flatMap((event) =>
          received["tiktok"]?.has(`event-${index}-${event}`) ? [`TikTok received event-${index}-${event}`] : []
        )
  )
  const isBalanced = ledger.exitCode === 0 && (JSON.parse(ledger.out) as { readonly balanced: boolean }).balanced
  return [...wrong, ...sent, ...(isBalanced ? [] : [`the ledger does not balance: ${ledger.errors}`])]
}

const proofs = ({ proofs, redriven }: Evidence): ReadonlyArray<string> => [
  ...(proofs.length === 1 && proofs[0]!.secrets >= 3 && proofs[0]!.destroyed_at !== null
    ? []
    : ["the proof does not say that the three secrets were destroyed"]),
  ...(redriven.exitCode === 0 ? [] : [`the redrive ended with ${redriven.exitCode}: ${redriven.errors}`])
]
