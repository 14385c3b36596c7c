/**
 * Adds one key to a map of a YAML text by inserting characters, so that every other byte stays: comments, quotes, spacing,
 * line ends. A document that is printed again would move comments and change quotes.
 */
import { isMap, isScalar, isSeq, type Pair, type ParsedNode, type YAMLMap } from "yaml"

/**
 * The text with `value` at the path of keys below `map`; maps that are missing on the way are made, in the style of the map that
 * they are put into. Null where something else than a map stands in the way, or the layout is one that is not known
 * here. `map` must come from parsing `text`; the caller checks the result by parsing it.
 */
export const insertKey = (text: string, map: YAMLMap, keys: ReadonlyArray<string>, value: string): string | null => {
  const [key = "", ...below] = keys
  const pair = map.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
  if (pair === undefined)
    return map.flow === true ? intoFlow(text, map, keys, value) : intoBlock(text, map, keys, value)
  if (below.length === 0) return null
  if (isMap(pair.value)) return insertKey(text, pair.value, below, value)
  return isScalar(pair.value) && pair.value.value === null ? intoNull(text, map, pair, below, value) : null
}

const intoFlow = (text: string, map: YAMLMap, keys: ReadonlyArray<string>, value: string): string | null => {
  const entry = flowEntry(keys, value)
  const last = map.items.at(-1)
  if (last !== undefined) {
    const end = endOfPair(last)
    return end === null ? null : splice(text, end, `, ${entry}`)
  }
  const start = map.range?.[0]
  if (start === undefined || text[start] !== "{") return null
  return splice(text, start + 1, ` ${entry}${/^\s/.test(text.slice(start + 1)) ? "" : " "}`)
}

// After the line on which the last entry ends: comments below it belong to what follows, or to the map as a whole.
const intoBlock = (text: string, map: YAMLMap, keys: ReadonlyArray<string>, value: string): string | null => {
  const first = map.items[0]
  const last = map.items.at(-1)
  const start = first === undefined ? null : rangeOf(first.key)
  const end = last === undefined ? null : endOfPair(last)
  if (start === null || end === null) return null
  return insertLines(text, end, blockLines(keys, value, columnOf(text, start[0])))
}

/** `events:` without a value takes lines below it; `events: null` and an empty value in a flow map take a flow map. */
const intoNull = (
  text: string,
  map: YAMLMap,
  pair: Pair,
  keys: ReadonlyArray<string>,
  value: string
): string | null => {
  const key = rangeOf(pair.key)
  const empty = rangeOf(pair.value)
  if (key === null || empty === null) return null
  const [from, to] = empty
  if (from === to && map.flow !== true)
    return insertLines(text, key[1], blockLines(keys, value, columnOf(text, key[0]) + indentStep))
  const colonBefore = from === to && text[from - 1] === ":"
  return splice(text, from, `${colonBefore ? " " : ""}{ ${flowEntry(keys, value)} }`, to)
}

const indentStep = 2

const flowEntry = (keys: ReadonlyArray<string>, value: string): string => {
  const [key = "", ...below] = keys
  return `${scalar(key)}: ${below.length === 0 ? scalar(value) : `{ ${flowEntry(below, value)} }`}`
}

const blockLines = (keys: ReadonlyArray<string>, value: string, column: number): ReadonlyArray<string> =>
  keys.map((key, depth) => {
    const indent = " ".repeat(column + depth * indentStep)
    return `${indent}${scalar(key)}:${depth === keys.length - 1 ? ` ${scalar(value)}` : ""}`
  })

/** A text as a scalar that every YAML reader takes for this text: plain where that is certain. */
const scalar = (text: string): string =>
  /^[\p{L}_][\p{L}\p{N}_.-]*(?: [\p{L}\p{N}_.-]+)*$/u.test(text) &&
  !/^(?:y|n|yes|no|on|off|true|false|null)$/i.test(text)
    ? text
    : JSON.stringify(text)

const endOfPair = (pair: Pair): number | null => {
  const { value } = pair
  if ((isMap(value) || isSeq(value)) && value.flow !== true) {
    const last: unknown = value.items.at(-1)
    if (isMap(value)) return last === undefined ? null : endOfPair(last as Pair)
    return endOfItem(last)
  }
  return (rangeOf(value) ?? rangeOf(pair.key))?.[1] ?? null
}

const endOfItem = (item: unknown): number | null => {
  if (isMap(item) && item.flow !== true) return item.items.length === 0 ? null : endOfPair(item.items.at(-1)!)
  if (isSeq(item) && item.flow !== true) return endOfItem(item.items.at(-1))
  return rangeOf(item)?.[1] ?? null
}

const rangeOf = (node: unknown): readonly [number, number] | null => {
  const range = (node as ParsedNode | null | undefined)?.range
  return range === null || range === undefined ? null : [range[0], range[1]]
}

const columnOf = (text: string, offset: number): number => offset - (text.lastIndexOf("\n", offset - 1) + 1)

/** Puts whole lines after the line on which `offset` lies; a block scalar ends at the start of the next line. */
const insertLines = (text: string, offset: number, lines: ReadonlyArray<string>): string => {
  const lineEnd = text.includes("\r\n") ? "\r\n" : "\n"
  const newline = text[offset - 1] === "\n" ? offset - 1 : text.indexOf("\n", offset)
  return newline < 0
    ? `${text}${lineEnd}${lines.join(lineEnd)}`
    : splice(text, newline + 1, `${lines.join(lineEnd)}${lineEnd}`)
}

const splice = (text: string, from: number, inserted: string, to = from): string =>
  text.slice(0, from) + inserted + text.slice(to)
