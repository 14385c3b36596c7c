/** The mapper as a program, alone or beside others in one process. */
import { Effect } from "effect"
import { Connections } from "../../shared/connections/connections.ts"
import { connectorFor } from "../../shared/platforms/registry.ts"
import { type Program, processorsProgram } from "../../shared/program/program.ts"
import { mapper } from "./mapper.ts"

export const mapperProgram: Program = processorsProgram(
  "mapper",
  Effect.map(Effect.service(Connections), ({ enabled }) => [
    mapper(enabled.map((connection) => ({ connection, connector: connectorFor(connection.kind) })))
  ])
)
