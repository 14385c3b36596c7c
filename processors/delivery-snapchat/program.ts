import type { Program } from "../../shared/runtime/program.ts"
import { deliveryProgram } from "../delivery/engine/program.ts"

/** Delivers to every enabled connection of the platform. */
export const deliverySnapchatProgram: Program = deliveryProgram("snapchat")
