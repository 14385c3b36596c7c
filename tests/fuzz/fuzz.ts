/** Runs cases of a target; a case is made of the seed and its number alone. */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { cpuMillis } from "../../shared/testing/growth.ts"
import { mutateBytes, mutateJson } from "./mutate.ts"
import { Random } from "./random.ts"

export interface FuzzTarget {
  readonly name: string
  /** Real inputs. Those that are JSON are changed as JSON too. */
  readonly seeds: ReadonlyArray<Buffer>
  /** Throws where a promise is broken; whatever else it does is right. `choice` picks what is beside the input. */
  readonly run: (input: Buffer, choice: number) => void
}

export interface Find {
  readonly target: string
  readonly input: Buffer
  readonly choice: number
  readonly reason: string
}

interface FuzzOptions {
  readonly seed: number
  readonly cases: number
  /** Ends after so many milliseconds. */
  readonly millisMax: number
}

/** No input of a few kilobytes takes longer, in processor time. */
const caseMillisMax = 250
const findsMax = 10

export const fuzz = (
  target: FuzzTarget,
  { cases, millisMax, seed }: FuzzOptions
): { readonly done: number; readonly finds: ReadonlyArray<Find> } => {
  const finds = new Map<string, Find>()
  const begun = performance.now()
  const corpus = [...target.seeds, ...corpusOf(target.name).map(({ input }) => input)]
  const parsed = corpus.map(parsedOf)
  let done = 0
  for (; done < cases && finds.size < findsMax; done++) {
    if (done % 64 === 0 && performance.now() - begun > millisMax) break
    const random = new Random(seed * 2_654_435_761 + done)
    const index = random.below(corpus.length)
    const json = parsed[index]!
    const input =
      json !== undefined && random.chance(2, 3)
        ? Buffer.from(JSON.stringify(timesMutated(json, random)))
        : mutateBytes(corpus[index]!, corpus, random)
    const choice = random.below(0x7fffffff)
    const reason = reasonAgainst(target, input, choice)
    // Each kind of find once.
    if (reason !== null && !finds.has(reason.split("\n")[0]!))
      finds.set(reason.split("\n")[0]!, { target: target.name, input, choice, reason })
  }
  return { done, finds: [...finds.values()] }
}

type Parsed = Parameters<typeof mutateJson>[0]

const timesMutated = (json: Parsed, random: Random): Parsed => {
  let changed = json
  for (let change = 1 + random.below(3); change > 0; change--) changed = mutateJson(changed, random)
  return changed
}

const parsedOf = (bytes: Buffer): Parsed | undefined => {
  try {
    const value = JSON.parse(bytes.toString("utf8")) as Parsed
    return value !== null && typeof value === "object" ? value : undefined
  } catch {
    return undefined
  }
}

/** What is wrong with the input, in a line and the stack; null where nothing is. */
export const reasonAgainst = (target: FuzzTarget, input: Buffer, choice: number): string | null => {
  const run = () => target.run(input, choice)
  try {
    const begun = performance.now()
    run()
    if (performance.now() - begun < caseMillisMax) return null
    // Other work of the machine, and the compiler, only ever add to a time.
    const millis = Math.min(...[1, 2, 3].map(() => cpuMillis(run)))
    return millis < caseMillisMax ? null : `It takes over ${caseMillisMax} ms.`
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

const corpusFolder = path.join(path.dirname(fileURLToPath(import.meta.url)), "corpus")

/** The kept finds of a target; a name is `<choice>-<hash>`. */
export const corpusOf = (
  target: string
): ReadonlyArray<{ readonly file: string; readonly choice: number; readonly input: Buffer }> => {
  const folder = path.join(corpusFolder, target)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .sort()
    .map((file) => ({ file, choice: Number(file.split("-")[0]), input: readFileSync(path.join(folder, file)) }))
}

/** Keeps a find for good: the regression test runs it from now on. */
export const keep = ({ choice, input, target }: Find): string => {
  const folder = path.join(corpusFolder, target)
  mkdirSync(folder, { recursive: true })
  const file = path.join(folder, `${choice}-${createHash("sha256").update(input).digest("hex").slice(0, 12)}`)
  writeFileSync(file, input)
  return path.relative(process.cwd(), file)
}
