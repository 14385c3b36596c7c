/**
 * The parts as one text, written out at once. V8 keeps a text that `+` or a template makes of others as a tree, and its fast
 * `JSON.stringify` takes none with such a text, or with a view into a longer one, anywhere in the object.
 */
export const flattenString = (...parts: ReadonlyArray<string | number>): string => parts.join("")
