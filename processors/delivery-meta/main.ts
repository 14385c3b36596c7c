import { runProgram } from "../../shared/runtime/program.ts"
import { deliveryMetaProgram } from "./program.ts"

runProgram(deliveryMetaProgram)
