/** The environment that points connections at the sandbox: each server's address and the credentials that it accepts. */
import { type SandboxOptions, sandboxDefaults } from "./options.ts"
import type { SandboxCredential } from "./platform-sandbox.ts"
import { platformSandboxes } from "./registry.ts"

/** `META_HOST`, `META_TOKEN`, `GOOGLE_ADS_HOST` and so on, for `connections.yaml` and the processors. */
export const sandboxEnvironment = (
  urls: Readonly<Record<string, string>>,
  options: SandboxOptions
): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(
    Object.entries(urls).map(([name, url]) => [`${name.replaceAll("-", "_").toUpperCase()}_HOST`, url])
  ),
  ...Object.fromEntries(
    Object.values(sandboxCredentials(options)).map(({ variable, secret }) => [variable, textOf(secret)])
  )
})

/** Good credentials by the kind of connection. */
export const sandboxCredentials = (
  options: SandboxOptions = sandboxDefaults
): Readonly<Record<string, SandboxCredential>> =>
  Object.assign({}, ...platformSandboxes.map(({ credentials }) => credentials(options)))

/** A lone access token stands as it is; further fields make it JSON. */
const textOf = (secret: SandboxCredential["secret"]): string => {
  const [first, ...others] = Object.entries(secret)
  return first?.[0] === "access_token" && others.length === 0 ? first[1] : JSON.stringify(secret)
}
