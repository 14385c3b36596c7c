/**
 * The index in a file of SQLite: sorted runs of (term, reference to a record) in blocks, and the next offset of each partition, which is
 * written in the transaction of the entries that were read before it. Entries are kept in segments of time, which retention deletes whole.
 * Calls are synchronous and short; a call that fails throws what SQLite says.
 */
import { DatabaseSync } from "node:sqlite"
import { blockBytes, blockEntries, blockOf, joinedRun, mergedRun, type Run, referencesIn, sortedRun } from "./runs.ts"

export interface IndexEntry {
  /** See `TermHasher`. */
  readonly term: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Kafka's timestamp of the record, in milliseconds since the epoch. */
  readonly at: number
}

export interface IndexedPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface StoreOptions {
  readonly file: string
  /** Which key the terms are of, and which topics: a file of another is emptied. */
  readonly owner: string
  readonly retentionMillis: number
}

/** Runs of one level of a segment, from which on they are merged. */
const mergeAt = 8
/** A merged run has no more entries: merging must not take long, since nothing else runs meanwhile. */
const runEntriesMax = 1_000_000
const segmentsMax = 48
const hourMillis = 3_600_000

export class IndexStore {
  private readonly db: DatabaseSync
  private readonly segmentMillis: number
  private readonly retentionMillis: number
  private readonly places = new Map<string, number>()
  private readonly names: Array<{ readonly topic: string; readonly partition: number }> = []

  constructor({ file, owner, retentionMillis }: StoreOptions) {
    this.retentionMillis = retentionMillis
    this.segmentMillis = Math.max(hourMillis, Math.ceil(retentionMillis / segmentsMax))
    this.db = new DatabaseSync(file)
    this.db.exec(settings)
    this.db.exec(tables)
    const known = this.db.prepare("SELECT value FROM meta WHERE name = 'owner'").get() as { value: string } | undefined
    if (known?.value !== owner) {
      this.clear()
      this.db.prepare("INSERT OR REPLACE INTO meta VALUES ('owner', ?)").run(owner)
    }
    this.readPlaces()
  }

  close(): void {
    this.db.close()
  }

  /** The next offset to read of each partition that was read. */
  positions(): ReadonlyArray<IndexedPosition> {
    return this.db
      .prepare("SELECT topic, part, next FROM position")
      .all()
      .map(({ topic, part, next }) => ({ topic: String(topic), partition: Number(part), offset: Number(next) }))
  }

  /** Adds entries and moves positions in one transaction. Entries that are there already are there once. */
  add(entries: ReadonlyArray<IndexEntry>, positions: ReadonlyArray<IndexedPosition>): void {
    const bySegment = new Map<number, Array<IndexEntry>>()
    for (const entry of entries) {
      const segment = Math.floor(entry.at / this.segmentMillis)
      const known = bySegment.get(segment)
      if (known === undefined) bySegment.set(segment, [entry])
      else known.push(entry)
    }
    this.transaction(() => {
      for (const [segment, list] of bySegment) {
        const references = list.map(
          ({ topic, partition, offset }) => this.placeOf(topic, partition) * placeStep + offset
        )
        this.writeRun(
          segment,
          0,
          sortedRun(
            list.map(({ term }) => term),
            references
          )
        )
      }
      const move = this.db.prepare("INSERT OR REPLACE INTO position VALUES (?, ?, ?)")
      for (const { topic, partition, offset } of positions) move.run(topic, partition, offset)
    })
  }

  /** Merges runs that are many; true where there may be more to do. Called between batches. */
  merge(): boolean {
    const due = this.db
      .prepare(
        "SELECT segment, level, count(*) AS runs FROM run WHERE entries < ? GROUP BY segment, level HAVING runs >= ? LIMIT 1"
      )
      .get(runEntriesMax, mergeAt)
    if (due === undefined) return false
    const { segment, level } = due as { segment: number; level: number }
    const chosen: Array<number> = []
    let total = 0
    for (const { id, entries } of this.db
      .prepare("SELECT id, entries FROM run WHERE segment = ? AND level = ? AND entries < ? ORDER BY id")
      .all(segment, level, runEntriesMax)) {
      if (chosen.length >= 2 && total + Number(entries) > runEntriesMax) break
      if (chosen.length === mergeAt) break
      chosen.push(Number(id))
      total += Number(entries)
    }
    this.transaction(() => {
      const merged = mergedRun(chosen.map((id) => this.readRun(id)))
      for (const id of chosen) this.deleteRun(id)
      this.writeRun(segment, level + 1, merged)
    })
    return true
  }

  /** Deletes the segments whose newest records are older than the retention; gives how many entries went. */
  expire(now: number): number {
    const oldest = Math.floor((now - this.retentionMillis) / this.segmentMillis)
    const gone = this.db.prepare("SELECT id, entries FROM run WHERE segment < ?").all(oldest)
    if (gone.length === 0) return 0
    this.transaction(() => {
      for (const { id } of gone) this.deleteRun(Number(id))
    })
    return gone.reduce((sum, { entries }) => sum + Number(entries), 0)
  }

  /** Where records of the term are, each once, in the order of topics' first entries. */
  find(term: number): ReadonlyArray<IndexedPosition> {
    const references = new Set<number>()
    const blocks = this.db.prepare(
      "SELECT first, entries FROM block WHERE run = ? AND first <= ? ORDER BY first DESC, id DESC"
    )
    for (const { id } of this.db.prepare("SELECT id FROM run").all())
      for (const { first, entries } of blocks.iterate(id!, term)) {
        for (const reference of referencesIn(blockOf(entries as Uint8Array), term)) references.add(reference)
        // The term may begin in the block before.
        if (Number(first) < term) break
      }
    return [...references]
      .sort((left, right) => left - right)
      .map((reference) => {
        const place = Math.floor(reference / placeStep)
        return { ...this.names[place]!, offset: reference - place * placeStep }
      })
  }

  /** Entries and runs held, and bytes of the file. */
  size(): { readonly entries: number; readonly runs: number; readonly bytes: number } {
    const { entries, runs } = this.db
      .prepare("SELECT coalesce(sum(entries), 0) AS entries, count(*) AS runs FROM run")
      .get()!
    const { bytes } = this.db
      .prepare("SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) AS bytes")
      .get()!
    return { entries: Number(entries), runs: Number(runs), bytes: Number(bytes) }
  }

  /** Forgets everything, positions too. */
  clear(): void {
    this.db.exec("DELETE FROM run; DELETE FROM block; DELETE FROM position; DELETE FROM place")
    this.places.clear()
    this.names.length = 0
  }

  private writeRun(segment: number, level: number, run: Run): void {
    const { lastInsertRowid: id } = this.db
      .prepare("INSERT INTO run (segment, level, entries) VALUES (?, ?, ?)")
      .run(segment, level, run.terms.length)
    const insert = this.db.prepare("INSERT INTO block (run, first, entries) VALUES (?, ?, ?)")
    for (let from = 0; from < run.terms.length; from += blockEntries)
      insert.run(id, run.terms[from]!, blockBytes(run, from))
  }

  private readRun(id: number): Run {
    const blocks = this.db.prepare("SELECT entries FROM block WHERE run = ? ORDER BY id").all(id)
    return joinedRun(blocks.map(({ entries }) => blockOf(entries as Uint8Array)))
  }

  private deleteRun(id: number): void {
    this.db.prepare("DELETE FROM block WHERE run = ?").run(id)
    this.db.prepare("DELETE FROM run WHERE id = ?").run(id)
  }

  private placeOf(topic: string, partition: number): number {
    const known = this.places.get(`${topic}/${partition}`)
    if (known !== undefined) return known
    const { lastInsertRowid } = this.db.prepare("INSERT INTO place (topic, part) VALUES (?, ?)").run(topic, partition)
    this.rememberPlace(Number(lastInsertRowid), topic, partition)
    return Number(lastInsertRowid)
  }

  private readPlaces(): void {
    this.places.clear()
    for (const { id, topic, part } of this.db.prepare("SELECT id, topic, part FROM place").all())
      this.rememberPlace(Number(id), String(topic), Number(part))
  }

  private rememberPlace(id: number, topic: string, partition: number): void {
    this.places.set(`${topic}/${partition}`, id)
    this.names[id] = { topic, partition }
  }

  private transaction(work: () => void): void {
    this.db.exec("BEGIN IMMEDIATE")
    try {
      work()
      this.db.exec("COMMIT")
    } catch (error) {
      // SQLite has rolled back by itself where the disk is full.
      if (this.db.isTransaction) this.db.exec("ROLLBACK")
      this.readPlaces()
      throw error
    }
  }
}

/** A reference is a place (a topic's partition) and an offset: 2^13 places and 2^40 offsets are exact in a double. */
const placeStep = 2 ** 40

/** EXCLUSIVE: a second program on the file fails at its start. NORMAL: after a loss of power the file may be some transactions behind, never torn; the positions are as far behind. */
const settings = `
  PRAGMA page_size = 16384;
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA cache_size = -65536;
`

const tables = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS position (
    topic TEXT NOT NULL, part INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (topic, part)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS place (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, part INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS run (
    id INTEGER PRIMARY KEY AUTOINCREMENT, segment INTEGER NOT NULL, level INTEGER NOT NULL, entries INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS block (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL, first INTEGER NOT NULL, entries BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS block_of_run ON block (run, first);
`
