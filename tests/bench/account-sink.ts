/**
 * A Meta that records which events each dataset received, how often and when first. One dataset can be made to hang: its
 * requests get no response, and nothing of them counts as received. Argument: `<port>`. For the benchmark: /stats, /receipts,
 * /reset, /hang?dataset=<id>, and /release, which cuts off the requests that hang.
 */
import { createServer, type ServerResponse } from "node:http"
import process from "node:process"

interface Receipt {
  times: number
  readonly firstAt: number
}

const receipts = new Map<string, Map<string, Receipt>>()
const totals = { requests: 0, events: 0, distinct: 0, swallowed: 0 }
let hanging: string | null = null
const unanswered = new Set<ServerResponse>()

const eventIds = /"event_id":"([^"]+)"/g

/** Records the events of a request's body; returns how many they are. */
const receive = (dataset: string, body: string): number => {
  const received = receipts.get(dataset) ?? new Map<string, Receipt>()
  receipts.set(dataset, received)
  const now = Date.now()
  let count = 0
  for (const [, id] of body.matchAll(eventIds)) {
    const known = received.get(id!)
    if (known === undefined) {
      received.set(id!, { times: 1, firstAt: now })
      totals.distinct++
    } else known.times++
    count++
  }
  totals.events += count
  totals.requests++
  return count
}

const release = (): void => {
  hanging = null
  for (const response of unanswered) response.destroy()
  unanswered.clear()
}

const reset = (): void => {
  receipts.clear()
  Object.assign(totals, { requests: 0, events: 0, distinct: 0, swallowed: 0 })
}

/** By dataset: event id, how often it came, when first. */
const receiptList = () =>
  Object.fromEntries(
    [...receipts].map(([dataset, received]) => [
      dataset,
      [...received].map(([id, { times, firstAt }]) => [id, times, firstAt])
    ])
  )

const commands: Readonly<Record<string, (url: URL) => unknown>> = {
  stats: () => totals,
  receipts: receiptList,
  reset,
  release,
  hang: (url) => {
    hanging = url.searchParams.get("dataset")
  }
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://sink")
  const [, first = "", dataset = ""] = url.pathname.split("/")
  const send = (value: unknown) =>
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value ?? {}))
  const command = commands[first]
  if (command !== undefined) {
    send(command(url))
    return
  }
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    if (dataset === hanging) {
      totals.swallowed++
      unanswered.add(response)
      response.once("close", () => unanswered.delete(response))
      return
    }
    const count = receive(dataset, Buffer.concat(chunks).toString("utf8"))
    send({ events_received: count, fbtrace_id: `A${totals.requests}` })
  })
})
// What asks it may pause for longer than a connection is kept by default.
server.keepAliveTimeout = 600_000
server.listen(Number(process.argv[2]), "127.0.0.1")
