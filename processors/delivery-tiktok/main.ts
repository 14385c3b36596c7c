import { runProgram } from "../../shared/program/program.ts"
import { deliveryTiktokProgram } from "./program.ts"

runProgram(deliveryTiktokProgram)
