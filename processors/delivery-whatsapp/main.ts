import { runProgram } from "../../shared/program/program.ts"
import { deliveryWhatsappProgram } from "./program.ts"

runProgram(deliveryWhatsappProgram)
