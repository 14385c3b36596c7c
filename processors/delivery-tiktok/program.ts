import { deliveryProgram } from "../../shared/delivery/program.ts"
import type { Program } from "../../shared/program/program.ts"

/** Delivers to every enabled connection of the platform. */
export const deliveryTiktokProgram: Program = deliveryProgram("tiktok")
