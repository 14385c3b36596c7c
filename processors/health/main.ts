import { runProgram } from "../../shared/runtime/program.ts"
import { healthProgram } from "./program.ts"

runProgram(healthProgram)
