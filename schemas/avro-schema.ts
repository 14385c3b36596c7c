/** An Avro schema as its `.avsc` file holds it: what the generators of types, of the JSON reader and of the reference read. */

export interface AvroField {
  readonly name: string
  readonly type: AvroType
  readonly doc?: string
  readonly default?: unknown
}

export interface AvroRecord {
  readonly type: "record"
  readonly name: string
  readonly doc?: string
  readonly fields: ReadonlyArray<AvroField>
}

export type AvroType =
  | string
  | ReadonlyArray<AvroType>
  | AvroRecord
  | { readonly type: "array"; readonly items: AvroType }
  | { readonly type: "map"; readonly values: AvroType }
