import { runProgram } from "../../shared/program/program.ts"
import { deliveryMetaProgram } from "./program.ts"

runProgram(deliveryMetaProgram)
