/** Ids as people have them, and as they are stored. Pure. */
import { clean } from "../identity/text.ts"

/**
 * An event id, order id or click id as the normalizer stores it: composed, without spaces at its ends and without what no one sees. Who
 * looks for one has it from its producer, where it may be written otherwise.
 */
export const storedId = (given: string): string => clean(given)
