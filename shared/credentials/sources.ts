/**
 * Where secrets are kept outside of this program: files (as orchestrators mount them), HashiCorp Vault, AWS Secrets Manager. Each
 * is read again, so that a secret that was changed there is found without a restart.
 */
import { readFile } from "node:fs/promises"
import { isIP } from "node:net"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { VaultSettings } from "../config/vault.ts"
import { sendRequest } from "../http/http-request.ts"
import { type CredentialReference, CredentialsError } from "./credential.ts"

export interface SourceSettings {
  /** Null where VAULT_ADDR is not set. */
  readonly vault: VaultSettings | null
}

/** The text that a reference leads to; null where its source says that there is no such secret. */
export const readSource = (
  { source, name, field }: CredentialReference,
  { vault }: SourceSettings
): Effect.Effect<Redacted.Redacted | null, CredentialsError> => {
  const text =
    source === "file"
      ? readText(name)
      : source === "vault"
        ? readVault(name, vault)
        : source === "aws"
          ? readAws(name)
          : null
  if (text === null) return Effect.succeed(null)
  return Effect.flatMap(text, (found) =>
    found === null ? Effect.succeed(null) : Effect.fromResult(fieldOf(`${source}:${name}`, found, field))
  )
}

const fieldOf = (
  reference: string,
  text: string,
  field: string | null
): Result.Result<Redacted.Redacted, CredentialsError> => {
  if (field === null) return Result.succeed(Redacted.make(text))
  const parsed = Result.getOrNull(Result.try((): unknown => JSON.parse(text)))
  const value =
    typeof parsed === "object" && parsed !== null && Object.hasOwn(parsed, field)
      ? (parsed as Readonly<Record<string, unknown>>)[field]
      : undefined
  return typeof value === "string" && value !== ""
    ? Result.succeed(Redacted.make(value))
    : Result.fail(
        failure(
          "missing_fields",
          `The secret ${reference} has no field ${field} that is a string.`,
          "Correct the name after #."
        )
      )
}

const readText = (file: string): Effect.Effect<string | null, CredentialsError> =>
  Effect.tryPromise({ try: () => readFile(file, "utf8"), catch: (cause) => cause }).pipe(
    Effect.catch((cause) => {
      const code = codeOf(cause)
      return code === "ENOENT"
        ? Effect.succeed(null)
        : Effect.fail(
            failure(
              "source_unreachable",
              `The file ${file} of a secret cannot be read (${code}).`,
              "Check its permissions."
            )
          )
    })
  )

const timeoutMillis = 5_000

/** KV version 2: `GET /v1/<mount>/data/<path>`; the first part of the name is the mount. A deleted version is not found. */
const readVault = (name: string, vault: VaultSettings | null): Effect.Effect<string | null, CredentialsError> =>
  Effect.gen(function* () {
    if (vault === null)
      return yield* failure("source_refused", "A secret is in Vault, and VAULT_ADDR is not set.", "Set VAULT_ADDR.")
    if (!isSafe(vault.address))
      return yield* failure(
        "source_refused",
        "VAULT_ADDR is neither an https:// address nor one of this machine: secrets would go over plaintext.",
        "Set VAULT_ADDR to an https:// address, or to an agent on this machine."
      )
    const token = yield* vaultToken(vault)
    const at = name.indexOf("/")
    const path = name
      .slice(at + 1)
      .split("/")
      .map(encodeURIComponent)
      .join("/")
    const response = yield* Effect.tryPromise({
      try: () =>
        sendRequest({
          method: "GET",
          url: `${vault.address}/v1/${encodeURIComponent(name.slice(0, at))}/data/${path}`,
          headers: {
            "x-vault-request": "true",
            ...(token === null ? {} : { "x-vault-token": Redacted.value(token) }),
            ...(vault.namespace === null ? {} : { "x-vault-namespace": vault.namespace })
          },
          tls: vault.tls,
          timeoutMillis
        }),
      catch: (cause) => unreachable("Vault", codeOf(cause))
    })
    if (response.status === 404) return null
    if (response.status === 403 || response.status === 400)
      return yield* failure(
        "source_refused",
        `Vault refuses the secret ${name} (status ${response.status}).`,
        "Check the token (VAULT_TOKEN, VAULT_TOKEN_FILE), its policy and VAULT_NAMESPACE."
      )
    if (response.status !== 200) return yield* unreachable("Vault", `status ${response.status}`)
    const body = Result.getOrNull(Result.try((): unknown => JSON.parse(response.text))) as VaultResponse | null
    const data = body?.data?.data
    if (data === null || data === undefined)
      return yield* failure(
        "source_refused",
        `Vault's answer for ${name} is not one of the key-value engine, version 2.`,
        "Write vault:<mount>/<path>, with a mount of version 2."
      )
    return JSON.stringify(data)
  })

interface VaultResponse {
  readonly data?: { readonly data?: Readonly<Record<string, unknown>> | null }
}

/** An agent writes a token to a file, and another one before it expires. */
const vaultToken = (vault: VaultSettings): Effect.Effect<Redacted.Redacted | null, CredentialsError> =>
  vault.tokenFile === null
    ? Effect.succeed(vault.token)
    : Effect.map(readText(vault.tokenFile), (text) => (text === null ? vault.token : Redacted.make(text.trim())))

const isSafe = (address: string): boolean => {
  if (!URL.canParse(address)) return false
  const { protocol, hostname } = new URL(address)
  return protocol === "https:" || hostname === "localhost" || (isIP(hostname) === 4 && hostname.startsWith("127."))
}

/** By the SDK, which finds region and credentials as every program on AWS does. It is loaded only where it is used. */
const readAws = (name: string): Effect.Effect<string | null, CredentialsError> =>
  Effect.tryPromise({
    try: async () => {
      const { GetSecretValueCommand, SecretsManagerClient } = await import("@aws-sdk/client-secrets-manager")
      const client = new SecretsManagerClient({ maxAttempts: 2, requestHandler: { requestTimeout: timeoutMillis } })
      const { SecretString: text, SecretBinary: bytes } = await client
        .send(new GetSecretValueCommand({ SecretId: name }))
        .finally(() => client.destroy())
      return text ?? (bytes === undefined ? null : Buffer.from(bytes).toString("utf8"))
    },
    catch: (cause) => cause
  }).pipe(
    Effect.catch((cause) => {
      const kind = cause instanceof Error ? cause.name : "unknown"
      if (kind === "ResourceNotFoundException") return Effect.succeed(null)
      return Effect.fail(
        awsRefusals.has(kind)
          ? failure(
              "source_refused",
              `AWS Secrets Manager refuses the secret ${name} (${kind}).`,
              "Check AWS_REGION, the role or keys of this program, and its right secretsmanager:GetSecretValue."
            )
          : unreachable("AWS Secrets Manager", kind)
      )
    })
  )

const awsRefusals: ReadonlySet<string> = new Set([
  "AccessDeniedException",
  "CredentialsProviderError",
  "DecryptionFailure",
  "InvalidParameterException",
  "InvalidRequestException",
  "InvalidSignatureException",
  "UnrecognizedClientException",
  "ExpiredTokenException"
])

const codeOf = (cause: unknown): string => {
  if (typeof cause !== "object" || cause === null) return "unknown error"
  if ("code" in cause) return String(cause.code)
  return cause instanceof Error ? cause.name : "unknown error"
}

const unreachable = (source: string, why: string) =>
  failure(
    "source_unreachable",
    `${source} does not answer (${why}).`,
    "It is asked again; check its address and the network."
  )

const failure = (code: CredentialsError["code"], message: string, nextStep: string) =>
  new CredentialsError({ code, message, nextStep, cause: null })
