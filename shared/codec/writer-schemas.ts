/**
 * The writers' schemas that are known, by their ids: a bounded number, since whoever may register schemas may register any number of
 * them. The least recently used makes room, and is fetched again when a record needs it. What a batch has loaded is not forgotten before
 * it is decoded: where all are in use, a further one is not taken.
 */
import type avro from "avsc"

/** `unsupported` is one that is not Avro. */
export type WriterSchema = avro.Type | "unsupported"

interface Entry {
  readonly schema: WriterSchema
  /** Number of the batch that had it last. */
  usedIn: number
}

/** Batches of all partitions that may be between loading and decoding. */
const batchesInUse = 64

export class WriterSchemas {
  private readonly entries = new Map<number, Entry>()
  private readonly schemasMax: number
  private batch = 0

  constructor(schemasMax = 2_000) {
    this.schemasMax = schemasMax
  }

  get size(): number {
    return this.entries.size
  }

  get(id: number): WriterSchema | undefined {
    return this.entries.get(id)?.schema
  }

  /** A batch begins. */
  begin(): void {
    this.batch++
  }

  /** Whether the schema is known; it counts as used by the batch. */
  use(id: number): boolean {
    const entry = this.entries.get(id)
    if (entry === undefined) return false
    entry.usedIn = this.batch
    return true
  }

  /** Adds a schema that the batch uses; false where there is no room for it. */
  add(id: number, schema: WriterSchema): boolean {
    if (this.entries.size >= this.schemasMax) this.makeRoom()
    if (this.entries.size >= this.schemasMax) return false
    this.entries.set(id, { schema, usedIn: this.batch })
    return true
  }

  /** A tenth at a time, so that many new schemas do not sort for each. */
  private makeRoom(): void {
    const unused = [...this.entries].filter(([, { usedIn }]) => usedIn + batchesInUse < this.batch)
    unused.sort(([, left], [, right]) => left.usedIn - right.usedIn)
    for (const [id] of unused.slice(0, Math.max(1, Math.floor(this.schemasMax / 10)))) this.entries.delete(id)
  }
}
