import { runProgram } from "../../shared/runtime/program.ts"
import { indexerProgram } from "./program.ts"

runProgram(indexerProgram)
