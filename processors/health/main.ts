import { runProgram } from "../../shared/program/program.ts"
import { healthProgram } from "./program.ts"

runProgram(healthProgram)
