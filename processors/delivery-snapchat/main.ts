import { runProgram } from "../../shared/runtime/program.ts"
import { deliverySnapchatProgram } from "./program.ts"

runProgram(deliverySnapchatProgram)
