/** Prints a benchmark's figures as a table and writes them to `.bench/<name>.json` for machines. */
import { hash } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import os from "node:os"
import process from "node:process"

export interface Figure {
  readonly figure: string
  readonly value: number
  readonly unit: string
  /** What the value is held against, where there is a goal. */
  readonly goal?: { readonly atLeast?: number; readonly atMost?: number }
  /** The value over the peer's in the same run, where one was measured. */
  readonly ratioToPeer?: number
}

/** Whether every figure that has a goal reaches it. */
export const report = (
  name: string,
  figures: ReadonlyArray<Figure>,
  conditions: Readonly<Record<string, unknown>>
): boolean => {
  const rows = figures.map((figure) => ({
    figure: figure.figure,
    value: Math.round(figure.value * 100) / 100,
    unit: figure.unit,
    goal: goalText(figure),
    reached: reaches(figure) ? "yes" : "NO",
    ...(figure.ratioToPeer === undefined ? {} : { "ratio to peer": Math.round(figure.ratioToPeer * 100) / 100 })
  }))
  printTable(rows)
  mkdirSync(".bench", { recursive: true })
  const machine = {
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    node: process.version
  }
  writeFileSync(
    `.bench/${name}.json`,
    `${JSON.stringify({ name, at: new Date().toISOString(), machine, conditions, figures }, null, 2)}\n`
  )
  return figures.every(reaches)
}

export const printTable = (rows: ReadonlyArray<Readonly<Record<string, string | number>>>): void => {
  // biome-ignore lint/suspicious/noConsole: a benchmark's output is its table.
  console.table(rows)
}

const reaches = ({ value, goal }: Figure): boolean =>
  value >= (goal?.atLeast ?? -Infinity) && value <= (goal?.atMost ?? Infinity)

const goalText = ({ goal }: Figure): string =>
  goal === undefined ? "" : goal.atLeast === undefined ? `<= ${goal.atMost}` : `>= ${goal.atLeast}`

/** Microseconds of CPU that `work` takes for each of `count` items. */
export const cpuMicros = (count: number, work: () => void): number => {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

/** A fixed amount of pure CPU work: the yardstick that cancels a machine's noise. Microseconds for each round of eight hashes. */
export const calibrate = (rounds = 100_000): number => {
  return cpuMicros(rounds, () => {
    for (let round = 0; round < rounds; round++)
      for (let one = 0; one < 8; one++) hash("sha256", `calibration-${round}-${one}`, "hex")
  })
}
