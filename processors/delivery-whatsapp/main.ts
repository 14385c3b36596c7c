import { runProgram } from "../../shared/runtime/program.ts"
import { deliveryWhatsappProgram } from "./program.ts"

runProgram(deliveryWhatsappProgram)
