/** AWS Secrets Manager's GetSecretValue, which checks each request's signature (Signature Version 4) by its documentation. */
import { createHash, createHmac } from "node:crypto"
import http from "node:http"
import * as Effect from "effect/Effect"
import { listenLocally } from "./local-server.ts"

export interface SecretsManagerOptions {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest()

/** Listens until the scope closes. */
export const startSecretsManager = Effect.fnUntraced(function* (options: SecretsManagerOptions) {
  const secrets = new Map<string, string>()
  let throttled = false
  const isSigned = (request: http.IncomingMessage, body: string): boolean => {
    const found =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
        request.headers.authorization ?? ""
      )
    if (found === null) return false
    const [, accessKeyId, day = "", region = "", service = "", signedHeaders = "", signature] = found
    if (accessKeyId !== options.accessKeyId || service !== "secretsmanager") return false
    const headers = signedHeaders.split(";").map((name) => `${name}:${String(request.headers[name] ?? "").trim()}\n`)
    const canonical = [request.method, "/", "", headers.join(""), signedHeaders, sha256(body)].join("\n")
    const scope = `${day}/${region}/${service}/aws4_request`
    const toSign = ["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, sha256(canonical)].join("\n")
    const key = [day, region, service, "aws4_request"].reduce<string | Buffer>(
      (derived, part) => hmac(derived, part),
      `AWS4${options.secretAccessKey}`
    )
    return createHmac("sha256", key).update(toSign).digest("hex") === signature
  }
  const server = http.createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString()
      const answer = (status: number, value: object) => {
        response.writeHead(status, { "content-type": "application/x-amz-json-1.1" })
        response.end(JSON.stringify(value))
      }
      const error = (type: string) => answer(400, { __type: type, message: type })
      if (throttled) return answer(500, { __type: "InternalServiceError", message: "busy" })
      if (!isSigned(request, body)) return error("InvalidSignatureException")
      if (request.headers["x-amz-target"] !== "secretsmanager.GetSecretValue") return error("InvalidRequestException")
      const { SecretId: id } = JSON.parse(body) as { readonly SecretId: string }
      const text = secrets.get(id)
      if (text === undefined) return error("ResourceNotFoundException")
      answer(200, { ARN: `arn:aws:secretsmanager:eu-central-1:1:secret:${id}`, Name: id, SecretString: text })
    })
  })
  const port = yield* listenLocally(server)
  return {
    endpoint: `http://127.0.0.1:${port}`,
    put: (name: string, text: string) => void secrets.set(name, text),
    remove: (name: string) => void secrets.delete(name),
    fail: (fails: boolean) => {
      throttled = fails
    }
  }
})
