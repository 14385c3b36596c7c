/** The canonical event that a name of another tool means: by an exact table, in any case and with any separators. */
import toolNames from "../../../schemas/catalog/event-names.json" with { type: "json" }
import { memo } from "../../model/memo.ts"
import { connectors } from "../registry.ts"
import { canonicalEvents, nameSets } from "./catalog.ts"

/** What a tool calls the canonical events: canonical name → its names, as the tool writes them. */
export const namesByTool: Readonly<Record<string, Readonly<Record<string, ReadonlyArray<string>>>>> = toolNames

/**
 * The canonical name, or the name itself where no tool is known to use it. Only letters and digits count, in any case:
 * `Order Completed`, `order_completed`, `OrderCompleted` and `orders/paid` are purchases. Nothing is guessed from likeness.
 */
export const canonicalName = (name: string): string => (canonical.has(name) ? name : ofOtherName(name))

const canonical: ReadonlySet<string> = new Set(canonicalEvents)

/** A producer has few names, which come again with every event. */
const ofOtherName: (name: string) => string = memo(1_024, (name) => canonicalOf.get(folded(name)) ?? name)

/** What counts in a name. */
export const folded = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "")

/** Canonical names come first, then those of tools, then the platforms' own, of which the first event in the catalog has the word. */
const canonicalOf: ReadonlyMap<string, string> = (() => {
  const names = new Map<string, string>()
  const add = (name: string, event: string): void => {
    const key = folded(name)
    if (!names.has(key)) names.set(key, event)
  }
  for (const event of canonicalEvents) add(event, event)
  for (const tool of Object.values(namesByTool)) {
    for (const [event, list] of Object.entries(tool)) for (const name of list) add(name, event)
  }
  for (const { kind, platform, catalog } of Object.values(connectors)) {
    // A platform's further kinds use the names of its first one.
    if (kind !== platform) continue
    for (const set of nameSets) {
      for (const [event, name] of catalog.names[set]) if (!catalog.ambiguousNames.has(name)) add(name, event)
    }
  }
  return names
})()
