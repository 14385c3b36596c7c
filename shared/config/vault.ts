/** Where HashiCorp Vault is, and who this program is to it. */
import * as Config from "effect/Config"
import type * as Redacted from "effect/Redacted"
import type { TlsOptions } from "../http/http-request.ts"
import { optional, text } from "./setting.ts"
import { pemFile } from "./tls.ts"
import { withoutTrailingSlashes } from "./transport.ts"

/** HashiCorp Vault, by the variables that its command line reads. */
export interface VaultSettings {
  readonly address: string
  readonly token: Redacted.Redacted | null
  /** Where an agent writes the token, and another one before it expires. */
  readonly tokenFile: string | null
  readonly namespace: string | null
  readonly tls: TlsOptions
}

export const vaultConfig: Config.Config<VaultSettings | null> = Config.flatMap(
  optional(text("VAULT_ADDR")),
  (address): Config.Config<VaultSettings | null> =>
    address === null
      ? Config.succeed(null)
      : Config.map(
          Config.all({
            token: optional(Config.Redacted("VAULT_TOKEN")),
            tokenFile: optional(text("VAULT_TOKEN_FILE")),
            namespace: optional(text("VAULT_NAMESPACE")),
            ca: pemFile("VAULT_CACERT")
          }),
          ({ ca, ...vault }) => ({
            ...vault,
            address: withoutTrailingSlashes(address),
            tls: ca === null ? {} : { ca }
          })
        )
)
