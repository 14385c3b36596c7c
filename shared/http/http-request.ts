/**
 * One HTTP request to a service of the operator: a token endpoint, a secret store, the schema registry. Over TLS by the given
 * authorities and client certificate; bounded in time and bytes. Requests to platforms have a pool (`connectors/http/`).
 */
import http from "node:http"
import https from "node:https"
import * as Redacted from "effect/Redacted"

/** Certificates in PEM. */
export interface TlsOptions {
  /** The authorities that the server's certificate is verified with, instead of the well-known ones. */
  readonly ca?: string
  /** The client's certificate, with those of its issuers. */
  readonly cert?: string
  readonly key?: Redacted.Redacted
  /** Opens an encrypted key. */
  readonly passphrase?: Redacted.Redacted
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT"
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly tls?: TlsOptions
  /** From the start to the last byte of the response. */
  readonly timeoutMillis: number
}

export interface HttpResponse {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

/** More is refused. */
const responseBytesMax = 1_048_576

/** The answer to a request was refused for its size; asked again, it is as long. */
export class ResponseTooLarge extends Error {
  constructor() {
    super(`a response of more than ${responseBytesMax} bytes`)
  }
}

/** What Node's TLS takes. */
export const nodeTlsOptions = ({ ca, cert, key, passphrase }: TlsOptions) => ({
  ...(ca === undefined ? {} : { ca: [ca] }),
  ...(cert === undefined ? {} : { cert }),
  ...(key === undefined ? {} : { key: Redacted.value(key) }),
  ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) })
})

/** Any status is a response; rejects if none comes. Redirects are not followed: they could lead a secret elsewhere. */
export const sendRequest = ({ method, url, headers = {}, body, tls = {}, timeoutMillis }: HttpRequest) =>
  new Promise<HttpResponse>((resolve, reject) => {
    const secure = url.startsWith("https:")
    const options = {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }) },
      signal: AbortSignal.timeout(timeoutMillis),
      // One connection each: these requests are rare.
      agent: false as const
    }
    const onResponse = (response: http.IncomingMessage) => {
      const chunks: Array<Buffer> = []
      let bytes = 0
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > responseBytesMax) response.destroy(new ResponseTooLarge())
        else chunks.push(chunk)
      })
      response.on("error", reject)
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString("utf8")
        })
      )
    }
    const request = secure
      ? https.request(url, { ...options, ...nodeTlsOptions(tls) }, onResponse)
      : http.request(url, options, onResponse)
    request.on("error", reject)
    request.end(body)
  })
