/** One platform's part of the sandbox: everything that the sandbox asks about it, defined in the platform's folder. */
import type { PlatformServer } from "./platform.ts"
import type { Random } from "./random.ts"
import type { Store } from "./store.ts"

export interface Deps {
  readonly store: Store
  readonly random: Random
}

/** A credential that the sandbox accepts, as `./capi connect` and `connections.yaml` take it. */
export interface SandboxCredential {
  /** The environment variable that the example connections read it from. */
  readonly variable: string
  readonly secret: Readonly<Record<string, string>>
}

export interface PlatformSandbox<Name extends string, Options extends Readonly<Record<string, object>>> {
  /** Its servers, each on a port: most platforms have one. */
  readonly servers: ReadonlyArray<Name>
  /** Its options by the key under which they are given; every default is what the platform documents today. */
  readonly defaults: Options
  readonly make: (options: Options, deps: Deps) => ReadonlyArray<PlatformServer>
  /** Good credentials by the kind of connection. */
  readonly credentials: (options: Options) => Readonly<Record<string, SandboxCredential>>
}

/** Keeps the names of the servers and the options' types, so that the lists of all platforms are derived from them. */
export const platformSandbox = <const Name extends string, const Options extends Readonly<Record<string, object>>>(
  definition: PlatformSandbox<Name, Options>
): PlatformSandbox<Name, Options> => definition
