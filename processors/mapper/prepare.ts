/** The mapper's library: a raw event to its payload, without Kafka. */
export { builtinConnection } from "../../shared/mapping/builtin.ts"
export { type Prepared, prepare } from "../../shared/mapping/prepare.ts"
