/** Names for the examples of the help: of the first platform, as `examples/connections.yaml` calls its connection. */
import { connectorKinds, platforms } from "../../shared/model/platform.ts"

export const exampleKind = connectorKinds[0]
export const examplePlatform = platforms[0]
export const exampleConnection = `${exampleKind}-shop`
