import { runProgram } from "../../shared/runtime/program.ts"
import { normalizerProgram } from "./program.ts"

runProgram(normalizerProgram)
