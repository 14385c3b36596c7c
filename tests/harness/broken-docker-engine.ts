/** An engine of Docker's protocol on a socket, as far as a start of containers goes, that can fail at each step of it. */
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** The step that goes wrong, and how. All before it go well; `/_ping` answers unless it is the step. */
export type EngineTrouble =
  | "ping hangs"
  | "ping fails"
  | "info hangs"
  | "image hangs"
  | "pull is refused"
  | "pull fails midway"
  | "pull falls silent"
  | "pull goes on for ever"
  | "run is refused"
  | "run hangs"

export interface BrokenEngine {
  /** For `DOCKER_HOST`. */
  readonly host: string
  /** What was asked for, such as `POST /images/create`. */
  readonly asked: Array<string>
  trouble: EngineTrouble
  readonly close: () => Promise<void>
}

/** Listens on a socket of that path, or on a free port where it is null. */
export const startBrokenEngine = async (socket: string | null, trouble: EngineTrouble): Promise<BrokenEngine> => {
  const server = createServer((request, response) => {
    request.resume()
    const route = new URL(request.url ?? "/", "http://engine").pathname.replace(/^\/v[\d.]+/, "")
    engine.asked.push(`${request.method} ${route}`)
    answer(engine.trouble, route, response)
  })
  await new Promise<void>((resolve) =>
    socket === null ? server.listen(0, "127.0.0.1", resolve) : server.listen(socket, resolve)
  )
  const engine: BrokenEngine = {
    host: socket === null ? `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix://${socket}`,
    asked: [],
    trouble,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    }
  }
  return engine
}

const answer = (trouble: EngineTrouble, route: string, response: ServerResponse): void => {
  const json = (status: number, value: unknown) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value))
  if (route === "/_ping") {
    if (trouble !== "ping hangs") response.writeHead(trouble === "ping fails" ? 503 : 200).end("OK")
  } else if (route === "/info") {
    if (trouble !== "info hangs") json(200, { OSType: "linux", Runtimes: {} })
  } else if (route === "/containers/json") json(200, [])
  else if (route === "/images/create") pull(trouble, response)
  else if (route.startsWith("/images/")) {
    if (trouble === "image hangs") return
    if (trouble.startsWith("run")) json(200, { Id: "sha256:1" })
    else json(404, { message: "No such image" })
  } else if (route === "/containers/create") {
    if (trouble !== "run hangs") json(500, { message: "mkdir /var/lib/docker: read-only file system" })
  } else json(404, { message: `page not found: ${route}` })
}

const pull = (trouble: EngineTrouble, response: ServerResponse): void => {
  if (trouble === "pull is refused") {
    const message = "Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io: no such host"
    response.writeHead(500, { "content-type": "application/json" }).end(JSON.stringify({ message }))
    return
  }
  const write = (news: object) => response.write(`${JSON.stringify(news)}\n`)
  response.writeHead(200, { "content-type": "application/json" })
  write({ status: "Pulling from apache/kafka" })
  if (trouble === "pull fails midway") {
    const error = "toomanyrequests: You have reached your pull rate limit"
    write({ errorDetail: { message: error }, error })
    response.end()
  }
  if (trouble !== "pull goes on for ever") return
  const timer = setInterval(() => write({ status: "Downloading", progress: "[>   ] 1kB/400MB" }), 20)
  response.once("close", () => clearInterval(timer))
}
