/** What is known of a user agent. Apps have few, whose unusual words are found once. */
import { plain, scanText } from "./text-scan.ts"

interface Agent {
  /** What `scanText` says of it. */
  readonly scan: number
  /** A browser says nothing that its user has written. */
  readonly isBrowser: boolean
  /** What it says beside the words of nearly every browser, which may be names too; empty for a browser. */
  readonly unusualWords: string
  readonly wordsScan: number
}

export const agentOf = (text: string): Agent => {
  if (text === last.text) return last.agent
  // To read it costs less than to find it among those that are known.
  if (text.startsWith(browserStart)) {
    last = { text, agent: { scan: scanText(text), isBrowser: true, unusualWords: "", wordsScan: 0 } }
    return last.agent
  }
  const known = agents.get(text)
  if (known !== undefined) return known
  const unusualWords = text.replace(agentWords, " ").replace(notLetters, " ").trim()
  const agent: Agent = { scan: scanText(text), isBrowser: false, unusualWords, wordsScan: scanText(unusualWords) }
  if (agents.size >= agentsMax) agents.clear()
  // A copy, since a text cut from a record would keep the whole record.
  agents.set(Buffer.from(text).toString(), agent)
  return agent
}

/** Whether it is a browser's, of which nothing is to be cleaned. */
export const isPlainAgent = (text: string): boolean =>
  text.startsWith(browserStart) && (agentOf(text).scan & plain) !== 0

const browserStart = "Mozilla/"

/** The browser that was read last, since each is asked for twice. */
let last: { readonly text: string; readonly agent: Agent } = {
  text: browserStart,
  agent: { scan: scanText(browserStart), isBrowser: true, unusualWords: "", wordsScan: 0 }
}

/** By their texts. A map, since agents differ in few characters, which `memo` does not look at. */
const agents = new Map<string, Agent>()
const agentsMax = 2_048
const notLetters = /[^\p{L}\p{M}]+/gu
const agentWords =
  /\b(?:Mozilla|AppleWebKit|KHTML|like|Gecko|Windows|NT|Win64|WOW64|x64|x86_64|Macintosh|Mac|OS|X|Intel|PPC|Linux|Android|CPU|iPhone|iPad|iPod|CrOS|U|K|rv|Mobile|Tablet|Version|Safari|Chrome|Chromium|Firefox|Edge|Edg|EdgA|EdgiOS|CriOS|FxiOS|Opera|OPR|Trident|MSIE|compatible|SamsungBrowser|Samsung|SM|Galaxy|Pixel|Nokia|Huawei|Xiaomi|Redmi|Oppo|Vivo|Build|wv|Silk|Vivaldi|Brave|Instagram|FBAN|FBAV|FBIOS|Facebook|Snapchat|curl|okhttp|Dalvik|CFNetwork|Darwin)\b/gi
