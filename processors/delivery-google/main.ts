import { runProgram } from "../../shared/runtime/program.ts"
import { deliveryGoogleProgram } from "./program.ts"

runProgram(deliveryGoogleProgram)
