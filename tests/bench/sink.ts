/**
 * A platform that takes everything: counts the events of each request by their ids and answers 200 in the words of the
 * platform whose path it is. Arguments: `<port> [delay in ms]`; /stats and /reset are for the benchmark.
 */
import { createServer } from "node:http"
import process from "node:process"

const delayMillis = Number(process.argv[3] ?? 0)
const totals = { events: 0, requests: 0, bytes: 0, first_ms: 0, last_ms: 0 }

const countOf = (body: Buffer, word: string): number => {
  let count = 0
  for (let at = body.indexOf(word); at >= 0; at = body.indexOf(word, at + word.length)) count++
  return count
}

const answers: ReadonlyArray<readonly [path: RegExp, id: string, answer: (count: number) => unknown]> = [
  [/\/event\/track\/?$/, '"event_id":', () => ({ code: 0, message: "OK", request_id: "r", data: {} })],
  [/events:ingest$/, '"transactionId":', () => ({ requestId: "r" })],
  [/\/token$/, '"none":', () => ({ access_token: "t", expires_in: 3600, token_type: "Bearer" })],
  [/\/v3\/.*\/events/, '"event_id":', () => ({ status: "VALID", reason: "", request_id: "r" })],
  [/\/messages$/, '"to":', () => ({ messages: [{ id: `wamid.${totals.requests}` }] })],
  [/./, '"event_id":', (count) => ({ events_received: count, fbtrace_id: `A${totals.requests}` })]
]

createServer((request, response) => {
  const url = request.url ?? "/"
  if (url === "/stats") {
    response.end(JSON.stringify(totals))
    return
  }
  if (url === "/reset") {
    Object.assign(totals, { events: 0, requests: 0, bytes: 0, first_ms: 0, last_ms: 0 })
    response.end()
    return
  }
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const body = Buffer.concat(chunks)
    const [, id, answer] = answers.find(([path]) => path.test(url.split("?")[0]!))!
    const count = countOf(body, id)
    totals.events += count
    totals.requests++
    totals.bytes += body.length
    totals.last_ms = Date.now()
    totals.first_ms ||= totals.last_ms
    const text = JSON.stringify(answer(count))
    const send = () => response.writeHead(200, { "content-type": "application/json" }).end(text)
    if (delayMillis > 0) setTimeout(send, delayMillis)
    else send()
  })
}).listen(Number(process.argv[2]), "127.0.0.1")
