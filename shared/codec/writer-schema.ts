/** The schema that records were written with, by its id: fetched from the registry with those that it refers to, and parsed. */
import avro from "avsc"
import { ResponseTooLarge } from "../http/http-request.ts"
import { isRecord } from "../model/json.ts"

/** Why records of a schema cannot be read, for people. */
export type Unusable = string
/** A parsed schema, or why it cannot be used. */
export type WriterSchema = avro.Type | Unusable

/** Asks the registry for a path: the JSON of its answer; null where it has none (404). Rejects where it gives no answer. */
export type AskRegistry = (path: string) => Promise<unknown>

/**
 * Null where the registry does not know the id. A schema that is not Avro, or that cannot be parsed, is a result and no failure:
 * whoever registered it must not stop the reading of all other records.
 */
export const fetchWriterSchema = async (ask: AskRegistry, id: number): Promise<WriterSchema | null> => {
  try {
    return await fetchAndParse(ask, id)
  } catch (cause) {
    if (cause instanceof ResponseTooLarge) return `it is too large (${cause.message}).`
    throw cause
  }
}

const fetchAndParse = async (ask: AskRegistry, id: number): Promise<WriterSchema | null> => {
  const answer = id > idMax ? null : await ask(`/schemas/ids/${id}`)
  if (answer === null) return null
  const found = registered(answer)
  const { type } = found
  if (type !== "AVRO")
    return `it is a schema of ${kindOf(type)}, and not of Avro. A producer writes Confluent-Avro, or JSON without a schema id before it.`
  const others = await referencesOf(ask, found, new Map())
  if (others === null) return null
  if (others.length > referencesMax) return `it refers to more than ${referencesMax} other schemas.`
  // Without a prototype: a type may have the name of one of its members.
  const registry = Object.create(null) as Record<string, avro.Type>
  let parsed: WriterSchema = "it is empty."
  for (const text of [...others, found.schema]) {
    parsed = parse(text, registry)
    if (typeof parsed === "string") return parsed
  }
  return parsed
}

/** Registries number in 32 bits with a sign; what is beyond, some of them refuse with an error. */
const idMax = 0x7fff_ffff

interface Registered {
  readonly schema: string
  /** AVRO where the registry says nothing. */
  readonly type: string
  readonly references: ReadonlyArray<unknown>
}

/** What is no answer of a registry, such as the page of a proxy, is no schema that could not be used. */
const registered = (answer: unknown): Registered => {
  if (!isRecord(answer) || typeof answer["schema"] !== "string") throw new Error("an answer without a schema")
  const { references, schema, schemaType } = answer
  return {
    schema,
    type: typeof schemaType === "string" ? schemaType : "AVRO",
    references: Array.isArray(references) ? references : []
  }
}

const kindOf = (type: string): string => (type === "JSON" || type === "PROTOBUF" ? type : "another kind")

/** The schemas that one refers to, each once and after those that it refers to itself; null where one is not there. */
const referencesOf = async (
  ask: AskRegistry,
  { references }: Registered,
  known: Map<string, string>
): Promise<ReadonlyArray<string> | null> => {
  for (const reference of references) {
    if (!isRecord(reference) || known.size > referencesMax) break
    const path = `/subjects/${encodeURIComponent(String(reference["subject"]))}/versions/${Number(reference["version"])}`
    if (known.has(path)) continue
    known.set(path, "")
    const answer = await ask(path)
    if (answer === null) return null
    const found = registered(answer)
    if ((await referencesOf(ask, found, known)) === null) return null
    // Again, so that it comes after its own.
    known.delete(path)
    known.set(path, found.schema)
  }
  return [...known.values()]
}

const referencesMax = 64

const parse = (schema: string, registry: Record<string, avro.Type>): WriterSchema => {
  try {
    return avro.Type.forSchema(JSON.parse(schema, withoutDefaults), { registry })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    return `it is an Avro schema that cannot be parsed (${message.slice(0, messageLengthMax)}).`
  }
}

/** Nothing is read by a writer's defaults, and avsc refuses a schema for one that does not fit (`["null", "string"]` with `""`), as others don't. */
const withoutDefaults = (key: string, value: unknown): unknown => (key === "default" ? undefined : value)

const messageLengthMax = 200
