import { runProgram } from "../../shared/program/program.ts"
import { deliveryGoogleProgram } from "./program.ts"

runProgram(deliveryGoogleProgram)
