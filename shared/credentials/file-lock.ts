/**
 * One writer of a file at a time, over processes: a lock file beside it. A lock whose owner died is taken over at once on
 * the same machine, and after `staleMillis` wherever its owner ran.
 */
import { randomBytes } from "node:crypto"
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises"
import os from "node:os"
import path from "node:path"
import process from "node:process"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { monotonicMillis } from "../model/monotonic.ts"

/** No writer holds the lock for nearly as long. */
const staleMillis = 30_000
const waitMillis = 25
const waitMillisMax = 45_000

interface Lock {
  /** Whether no other process took the lock over: asked right before what must not happen twice. */
  readonly isHeld: Effect.Effect<boolean>
}

/** Runs the work while no other process holds the lock of `file`. Fails with what the file system says, or `"locked"`. */
export const withLock = <A, E, R>(
  file: string,
  work: (lock: Lock) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | LockFailure, R> => {
  const lockFile = `${file}.lock`
  const owner = JSON.stringify({ host: os.hostname(), pid: process.pid, token: randomBytes(8).toString("hex") })
  const isHeld = Effect.map(contentOf(lockFile), (content) => content === owner)
  const release = Effect.flatMap(isHeld, (held) =>
    held ? Effect.ignore(attempt(() => rm(lockFile, { force: true }))) : Effect.void
  )
  return Effect.acquireUseRelease(
    acquire(lockFile, owner),
    () => work({ isHeld }),
    () => release
  )
}

/** `code` as the file system gives it, such as EACCES; `locked` where another process did not release it. */
export interface LockFailure {
  readonly _tag: "LockFailure"
  readonly code: string
  readonly cause: unknown
}

const acquire = (lockFile: string, owner: string): Effect.Effect<void, LockFailure> =>
  Effect.gen(function* () {
    yield* attempt(() => mkdir(path.dirname(path.resolve(lockFile)), { recursive: true, mode: 0o700 }))
    const start = yield* monotonicMillis
    for (;;) {
      const created = yield* Effect.result(attempt(() => create(lockFile, owner)))
      if (Result.isSuccess(created)) return
      if (created.failure.code !== "EEXIST") return yield* Effect.fail(created.failure)
      yield* removeIfStale(lockFile)
      if ((yield* monotonicMillis) - start > waitMillisMax)
        return yield* Effect.fail(failure("locked", created.failure.cause))
      yield* Effect.sleep(waitMillis)
    }
  })

const create = async (lockFile: string, owner: string): Promise<void> => {
  const handle = await open(lockFile, "wx", 0o600)
  await handle.writeFile(owner).finally(() => handle.close())
}

// Moved before it is removed: of several that find it stale, one moves it. Should it be a fresh one by then, its owner
// learns of it from `isHeld` before it writes.
const removeIfStale = (lockFile: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    const content = yield* contentOf(lockFile)
    const { mtimeMs } = yield* attempt(() => stat(lockFile))
    const now = yield* Clock.currentTimeMillis
    if (now - mtimeMs < staleMillis && !isDead(content)) return
    if ((yield* contentOf(lockFile)) !== content) return
    const moved = `${lockFile}.${randomBytes(6).toString("hex")}`
    yield* attempt(() => rename(lockFile, moved))
    yield* attempt(() => rm(moved, { force: true }))
  }).pipe(Effect.ignore)

/** Whether the owner ran on this machine and has ended. A lock that is just being written does not say it yet. */
const isDead = (content: string): boolean => {
  const found = /^\{"host":"([^"]*)","pid":(\d+),/.exec(content)
  if (found === null || found[1] !== os.hostname()) return false
  const alive = Result.try({ try: () => process.kill(Number(found[2]), 0), catch: codeOf })
  return Result.isFailure(alive) && alive.failure === "ESRCH"
}

const contentOf = (lockFile: string): Effect.Effect<string> =>
  Effect.orElseSucceed(
    attempt(() => readFile(lockFile, "utf8")),
    () => ""
  )

const attempt = <A>(work: () => Promise<A>): Effect.Effect<A, LockFailure> =>
  Effect.tryPromise({ try: work, catch: (cause) => failure(codeOf(cause), cause) })

const failure = (code: string, cause: unknown): LockFailure => ({ _tag: "LockFailure", code, cause })

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "unknown error"
