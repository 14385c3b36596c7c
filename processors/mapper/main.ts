import { runProgram } from "../../shared/program/program.ts"
import { mapperProgram } from "./program.ts"

runProgram(mapperProgram)
