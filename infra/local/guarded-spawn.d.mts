import type { spawn } from "node:child_process"

/** As `spawn` of node:child_process; the child ends with this process. A detached child ends with its whole group. */
export const spawnGuarded: typeof spawn

/** As `spawnGuarded`, for a child that the other children need: where this process is killed, it ends after them. */
export const spawnNeeded: typeof spawn
