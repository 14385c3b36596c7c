/**
 * kafkajs with our quick code in the place of its hottest functions. This is the only way to it: its modules take those functions
 * when they load, so that ours must be there before. Required, since a bundle imports packages before all else.
 */
import { createRequire } from "node:module"
import "./patches/fast-codec.ts"

const kafkajs = createRequire(import.meta.url)("kafkajs") as typeof import("kafkajs")

export default kafkajs
