/**
 * Prints how V8 holds each text of the payloads that connectors make of a purchase, as `%DebugPrint` prints it: for the test of
 * flat texts. Needs `--allow-natives-syntax`.
 */

import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { mappingContext } from "../../shared/connectors/mapping/compile.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { connectorKinds } from "../../shared/model/platform.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { corePipeline } from "../bench/core-pipeline.ts"
import { purchase } from "../bench/purchases.ts"

const now = 1_795_000_000_000
const codecs = makeMemoryCodecs()
const print = new Function("text", "%DebugPrint(text)") as (text: string) => void

const printAll = (value: unknown): void => {
  if (typeof value === "string") print(value)
  else if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) printAll(inner)
}

// A time with thousandths, and a click without its cookie: both make texts of parts.
const raw = { ...purchase(5, now), event_time: now - 1_234 }
const { user } = raw
const clicked = {
  ...raw,
  user:
    user === null
      ? null
      : { ...user, fbc: null, fbclid: "IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk" }
}
const normalized = corePipeline(now, "of all events").normalized(clicked)
const bytes = codecs.encode("normalized-events", "normalized-event", normalized)
const read = codecs.decode("normalized-event", bytes)
if (read._tag !== "Decoded") throw new Error(read.message)
for (const kind of connectorKinds) {
  const result = connectorFor(kind).mapEvent(read.value, mappingContext(builtinConnection(kind), now))
  if (result._tag !== "Payload") throw new Error(`${kind}: ${result.message}`)
  printAll(result.payload)
}
