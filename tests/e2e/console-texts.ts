/** What the console shows, as texts: its answers, and its live view. */
import { actionHeader, type DeadLetterGroups, type Overview } from "../../processors/console/api.ts"

/** An event whose story is asked for, and an event to explain as it is written. */
export interface Asked {
  readonly eventIds: ReadonlyArray<string>
  readonly pasted: ReadonlyArray<object>
}

/** Asks every route that shows something of events. */
export const consoleTexts = async (url: string, { eventIds, pasted }: Asked): Promise<ReadonlyArray<string>> => {
  const texts: Array<string> = []
  const ask = async (route: string, body?: object): Promise<unknown> => {
    const response = await fetch(url + route, {
      headers: { [actionHeader.name]: actionHeader.value },
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) })
    })
    const text = await response.text()
    // An event may be gone by now.
    if (!response.ok && response.status !== 404) throw new Error(`${route} answers ${response.status}: ${text}`)
    texts.push(text)
    return JSON.parse(text)
  }
  const overview = (await ask("/api/overview?period=1h")) as Overview
  for (const { connection_id, steps } of overview.platforms.flatMap(({ connections }) => connections)) {
    await ask(`/api/history?connection=${connection_id}`)
    for (const { step, reasons } of steps)
      for (const reason of reasons.length === 0 ? [""] : reasons.map((one) => one.reason))
        await ask(`/api/samples?${new URLSearchParams({ connection: connection_id, step, reason })}`)
  }
  const { groups } = (await ask("/api/dead-letters")) as DeadLetterGroups
  for (const { stage, reason, connection_id } of groups)
    await ask(
      `/api/dead-letters/samples?${new URLSearchParams({ stage, reason, ...(connection_id === null ? {} : { connection: connection_id }) })}`
    )
  for (const route of ["/api/connections", "/api/alerts?since=0", "/api/replays", "/api/redrives"]) await ask(route)
  await ask("/api/redrives/plan", { all: true })
  for (const id of eventIds) {
    await ask(`/api/events?q=${id}`)
    await ask("/api/explain", { event_id: id })
  }
  for (const event of pasted) await ask("/api/explain", { event: JSON.stringify(event) })
  return texts
}

/** Follows the live view until `close`; gives what it has shown so far. */
export const liveView = (url: string): { readonly text: () => string; readonly close: () => void } => {
  const closing = new AbortController()
  const chunks: Array<Buffer> = []
  void fetch(`${url}/api/live`, { signal: closing.signal })
    .then(async (response) => {
      for await (const chunk of response.body!) chunks.push(Buffer.from(chunk))
    })
    .catch(() => undefined)
  return { text: () => Buffer.concat(chunks).toString("utf8"), close: () => closing.abort() }
}
