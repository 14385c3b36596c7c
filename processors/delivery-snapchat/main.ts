import { runProgram } from "../../shared/program/program.ts"
import { deliverySnapchatProgram } from "./program.ts"

runProgram(deliverySnapchatProgram)
