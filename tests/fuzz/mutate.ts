/** Inputs that are nearly right: bytes and JSON of real ones, changed in a few places. */
import type { Json } from "../../shared/model/json.ts"
import type { Random } from "./random.ts"

const placeholder = ["$", "{A}"].join("")
/** Texts that mean something to a reader of JSON, Avro, YAML, URLs, HTTP or a terminal, or that a conversion trips over. */
const words: ReadonlyArray<string> = [
  ...[
    "",
    " ",
    "null",
    "true",
    "-0",
    "1e999",
    "NaN",
    "9007199254740993",
    "-1",
    "0",
    "undefined",
    "[]",
    "{}",
    "[[[[",
    "}}",
    '"',
    "\\"
  ],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "\u0000",
    "\u001b[2J",
    "\u009b",
    "\u202e",
    "\ud800",
    "\udc00x",
    "\ufeff"
  ],
  ...[
    "é",
    "中文",
    "Ａ＠",
    "a\u0301\u0301\u0301",
    "%00",
    "%zz",
    "%2540",
    "+491701234567",
    "jane@shop.example",
    "https://",
    "//",
    "\r\n\r\n"
  ],
  ...[
    "&a",
    "*a",
    "- ",
    ": ",
    "|\n",
    "<<: *a",
    placeholder,
    placeholder.slice(0, 3),
    "sha256=",
    "store:x",
    "env:A",
    "2026-11-28T00:00:00Z",
    "1795000000000"
  ],
  ..."x".repeat(9_000).match(/.{9000}/g)!,
  "a ".repeat(3_000)
]
const numbers: ReadonlyArray<number> = [0, -0, 1, -1, 0.1, 1e21, -1e308, 2 ** 31, 2 ** 53, 255, 1_795_000_000_000]

/** A few changes: a byte, a piece left out, doubled or moved, a word put in, a piece of another input. */
export const mutateBytes = (input: Buffer, others: ReadonlyArray<Buffer>, random: Random): Buffer => {
  let bytes: Buffer = Buffer.from(input)
  for (let change = 1 + random.below(4); change > 0; change--) {
    const at = random.below(bytes.length + 1)
    const length = random.below(Math.min(64, bytes.length - at + 1))
    const kind = random.below(8)
    if (kind <= 1 && at < bytes.length) bytes[at] = kind === 0 ? random.below(256) : bytes[at]! ^ (1 << random.below(8))
    else if (kind === 2) bytes = joined(bytes, at, length, noBytes)
    else if (kind === 3) bytes = joined(bytes, at, 0, bytes.subarray(at, at + length))
    else if (kind === 4) bytes = joined(bytes, at, length, Buffer.from(random.pick(words)))
    else if (kind === 5) bytes = joined(bytes, at, 0, Buffer.from(random.pick(words)))
    else if (kind === 6) bytes = bytes.subarray(0, at)
    else {
      const other = random.pick(others)
      const from = random.below(other.length + 1)
      bytes = joined(bytes, at, length, other.subarray(from, from + random.below(200)))
    }
  }
  return bytes.length > bytesMax ? bytes.subarray(0, bytesMax) : bytes
}

const bytesMax = 200_000
const noBytes = Buffer.alloc(0)
const joined = (bytes: Buffer, at: number, length: number, insert: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + length)])

/** One value of the tree is another; a name too now and then. */
export const mutateJson = (value: Json, random: Random, depth = 0): Json => {
  const isGroup = value !== null && typeof value === "object"
  const size = isGroup ? Object.keys(value).length : 0
  if (size === 0 || depth > 6 || random.chance(1, 4 + size)) return anyValue(value, random)
  if (Array.isArray(value)) {
    const index = random.below(value.length)
    const list = [...value]
    const kind = random.below(10)
    if (kind === 0) list.splice(index, 1)
    else if (kind === 1) list.push(...list.slice(0, 20))
    else list[index] = mutateJson(value[index]!, random, depth + 1)
    return list
  }
  const entries = Object.entries(value as Readonly<Record<string, Json>>)
  const index = random.below(entries.length)
  const [name, item] = entries[index]!
  const kind = random.below(12)
  if (kind === 0) entries.splice(index, 1)
  else if (kind === 1) entries[index] = [random.pick(words), item]
  else if (kind === 2) entries.push([random.pick(words), anyValue(item, random)])
  else entries[index] = [name, mutateJson(item, random, depth + 1)]
  return groupOf(entries)
}

/** With `__proto__` as a name like any other, as `JSON.parse` has it. */
const groupOf = (entries: ReadonlyArray<readonly [string, Json]>): Json => {
  const group: Record<string, Json> = {}
  for (const [name, value] of entries)
    Object.defineProperty(group, name, { value, enumerable: true, configurable: true, writable: true })
  return group
}

const anyValue = (value: Json, random: Random): Json => {
  const kind = random.below(9)
  if (kind === 0) return null
  if (kind === 1) return random.chance(1, 2)
  if (kind === 2) return random.pick(numbers)
  if (kind === 3) return [value, value]
  if (kind === 4) return { [random.pick(words)]: value }
  if (kind === 5) return { a: { a: { a: { a: [[[[[[[[value]]]]]]]] } } } }
  if (kind === 6 && typeof value === "string") return value + random.pick(words)
  if (kind === 7 && typeof value === "number") return value * random.pick(numbers)
  return random.pick(words)
}
