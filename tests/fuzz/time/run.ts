/** Measures in a separate thread, and ends what does not end by itself. */
import { Worker } from "node:worker_threads"
import type { TimeFind } from "./measure.ts"
import type { TimeReport, TimeRun } from "./worker.ts"

export interface TimeResult {
  readonly finds: ReadonlyArray<TimeFind>
  readonly kinds: ReadonlyArray<Extract<TimeReport, { readonly _tag: "Kind" }>>
  /** The target and text that did not end within a minute. */
  readonly endless: string | null
}

const endlessMillis = 60_000
const startMillisMax = 400_000

export const runTimes = (
  options: TimeRun,
  report: (message: TimeReport) => void = () => undefined
): Promise<TimeResult> =>
  new Promise((resolve, reject) => {
    const finds: Array<TimeFind> = []
    const kinds: Array<Extract<TimeReport, { readonly _tag: "Kind" }>> = []
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: options })
    let at = "the start"
    const end = (endless: string | null): void => {
      clearTimeout(timer)
      void worker.terminate()
      resolve({ finds, kinds, endless })
    }
    // The start makes the texts of all expressions.
    let timer = setTimeout(() => end(at), startMillisMax)
    worker.on("message", (message: TimeReport) => {
      clearTimeout(timer)
      timer = setTimeout(() => end(at), endlessMillis)
      report(message)
      if (message._tag === "At") at = `${message.target}: ${message.shape}`
      else if (message._tag === "Found") finds.push(message.find)
      else kinds.push(message)
    })
    worker.on("error", (error) => {
      clearTimeout(timer)
      reject(error)
    })
    worker.on("exit", () => end(null))
  })

export const describeFind = ({ characters, millis, ratio, shape, target }: TimeFind): string =>
  `${target}, ${characters} characters of ${shape}: ${millis.toFixed(0)} ms${ratio === null ? "" : `, ${ratio.toFixed(1)} times that of half of it`}`
