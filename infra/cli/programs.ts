/** The processors that can be run, by name. Each is loaded only when it is asked for. */
import type { Program } from "../../shared/runtime/program.ts"

export const programs: Readonly<Record<string, () => Promise<Program>>> = {
  normalizer: async () => (await import("../../processors/normalizer/program.ts")).normalizerProgram,
  mapper: async () => (await import("../../processors/mapper/program.ts")).mapperProgram,
  "delivery-meta": async () => (await import("../../processors/delivery-meta/program.ts")).deliveryMetaProgram,
  "delivery-google": async () => (await import("../../processors/delivery-google/program.ts")).deliveryGoogleProgram,
  "delivery-tiktok": async () => (await import("../../processors/delivery-tiktok/program.ts")).deliveryTiktokProgram,
  "delivery-snapchat": async () =>
    (await import("../../processors/delivery-snapchat/program.ts")).deliverySnapchatProgram,
  "delivery-whatsapp": async () =>
    (await import("../../processors/delivery-whatsapp/program.ts")).deliveryWhatsappProgram,
  health: async () => (await import("../../processors/health/program.ts")).healthProgram
}

export const programNames: ReadonlyArray<string> = Object.keys(programs)
