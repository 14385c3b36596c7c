import { runProgram } from "../../shared/runtime/program.ts"
import { mapperProgram } from "./program.ts"

runProgram(mapperProgram)
