import { runProgram } from "../../shared/runtime/program.ts"
import { deliveryTiktokProgram } from "./program.ts"

runProgram(deliveryTiktokProgram)
