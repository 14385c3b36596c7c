import { runProgram } from "../../shared/runtime/program.ts"
import { consoleProgram } from "./program.ts"

runProgram(consoleProgram)
