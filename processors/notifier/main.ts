import { runProgram } from "../../shared/runtime/program.ts"
import { notifierProgram } from "./program.ts"

runProgram(notifierProgram)
