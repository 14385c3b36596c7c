/** The mapper as a program, alone or beside others in one process. */
import * as Effect from "effect/Effect"
import { Connections } from "../../shared/connections/connections.ts"
import { connectorFor } from "../../shared/platforms/registry.ts"
import { type Program, processorsProgram } from "../../shared/program/program.ts"
import { duplicateOptions } from "./config.ts"
import { mapper } from "./mapper.ts"

export const mapperProgram: Program = processorsProgram(
  "mapper",
  Effect.gen(function* () {
    const { enabled } = yield* Connections
    const targets = enabled.map((connection) => ({ connection, connector: connectorFor(connection.kind) }))
    return [mapper(targets, yield* duplicateOptions)]
  })
)
