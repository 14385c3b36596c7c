/** The processors that can be run, by name. Each is loaded only when it is asked for. */
import { platforms } from "../../shared/model/platform.ts"
import type { Program } from "../../shared/runtime/program.ts"

export const programs: Readonly<Record<string, () => Promise<Program>>> = {
  normalizer: async () => (await import("../../processors/normalizer/program.ts")).normalizerProgram,
  mapper: async () => (await import("../../processors/mapper/program.ts")).mapperProgram,
  ...Object.fromEntries(
    platforms.map((platform) => [
      `delivery-${platform}`,
      async () => (await import("../../processors/delivery/program.ts")).deliveryProgram(platform)
    ])
  ),
  health: async () => (await import("../../processors/health/program.ts")).healthProgram,
  notifier: async () => (await import("../../processors/notifier/program.ts")).notifierProgram,
  indexer: async () => (await import("../../processors/indexer/program.ts")).indexerProgram,
  console: async () => (await import("../../processors/console/program.ts")).consoleProgram
}

export const programNames: ReadonlyArray<string> = Object.keys(programs)
