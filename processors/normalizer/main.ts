import { runProgram } from "../../shared/program/program.ts"
import { normalizerProgram } from "./program.ts"

runProgram(normalizerProgram)
