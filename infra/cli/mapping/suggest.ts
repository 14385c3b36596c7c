/**
 * Suggests mappings for event names that the catalog doesn't know. It reads names, never live traffic: a person accepts a
 * suggestion into the configuration, so that replays stay the same.
 */
import synonyms from "../../../schemas/catalog/synonyms.json" with { type: "json" }
import { canonicalEvents, type NameSet } from "../../../shared/connectors/mapping/catalog.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import { type ConnectorKind, type Platform, platforms } from "../../../shared/model/platform.ts"
import { similarity, wordsOf } from "./similarity.ts"

interface ParameterSuggestion {
  /** The parameter, by its name in a raw event's properties. */
  readonly name: string
  /** The path that holds its value. */
  readonly from: string
}

export interface EventMapping {
  readonly sourceEvent: string
  /** The canonical event that it most likely is. */
  readonly canonicalEvent: string
  /** The event's name at each platform; null where the platform has none for it. */
  readonly platformEvents: Readonly<Record<Platform, string | null>>
  readonly parameters: ReadonlyArray<ParameterSuggestion>
  /** 0 to 1. */
  readonly confidence: number
  /** Why, for people. */
  readonly reason: string
}

/** A platform's standard event as a candidate. */
export interface PlatformCandidate {
  readonly platformEvent: string
  readonly confidence: number
  readonly reason: string
}

export interface SuggestInput {
  readonly sourceEvent: string
  /** Names of the custom properties that came with the event. */
  readonly properties: ReadonlyArray<string>
  readonly names: NameSet
}

/** Proposals below this are noise. */
const confidenceMin = 0.35
const proposalsMax = 5

/** Proposals for one event, from names and synonyms alone, the best first; none where nothing is like the name. */
export const suggestMappings = (input: SuggestInput): ReadonlyArray<EventMapping> => {
  const words = wordsOf(input.sourceEvent)
  const parameters = suggestParameters(input.properties)
  return rankCanonical(words)
    .slice(0, proposalsMax)
    .map(({ event, score, phrase }) => ({
      sourceEvent: input.sourceEvent,
      canonicalEvent: event,
      platformEvents: platformEventsOf(event, input.names),
      parameters,
      confidence: score,
      reason: reasonOf(event, phrase, score)
    }))
}

/** A platform's standard events for the name, ranked: through the canonical events, and by the platform's names. */
export const rankPlatformEvents = (
  sourceEvent: string,
  kind: ConnectorKind,
  platform: Platform,
  names: NameSet
): ReadonlyArray<PlatformCandidate> => {
  const words = wordsOf(sourceEvent)
  const candidates = new Map<string, PlatformCandidate>()
  const offer = (platformEvent: string, confidence: number, reason: string) => {
    if (confidence < confidenceMin || (candidates.get(platformEvent)?.confidence ?? 0) >= confidence) return
    candidates.set(platformEvent, { platformEvent, confidence, reason })
  }
  const canonical = connectorFor(kind).catalog.names[names]
  for (const { event, score, phrase } of rankCanonical(words)) {
    const name = canonical.get(event)
    if (name !== undefined) offer(name, score, reasonOf(event, phrase, score))
  }
  for (const name of connectorFor(platform).catalog.standardEvents) {
    const score = rounded(similarity(words, wordsOf(name), weightOf))
    offer(name, score, `reads like the platform's name ${name}`)
  }
  return [...candidates.values()].sort(
    (a, b) => b.confidence - a.confidence || (a.platformEvent < b.platformEvent ? -1 : 1)
  )
}

interface Ranked {
  readonly event: string
  readonly score: number
  readonly phrase: string
}

const rankCanonical = (words: ReadonlyArray<string>): ReadonlyArray<Ranked> => {
  const ranked: Array<Ranked> = []
  for (const event of canonicalEvents) {
    let best: Ranked = { event, score: 0, phrase: event }
    for (const { phrase, words: of } of phrases.get(event) ?? []) {
      const score = rounded(similarity(words, of, weightOf))
      if (score > best.score) best = { event, score, phrase }
    }
    if (best.score >= confidenceMin) ranked.push(best)
  }
  return ranked.sort((a, b) => b.score - a.score)
}

const platformEventsOf = (event: string, names: NameSet): EventMapping["platformEvents"] => {
  const of = (platform: Platform) => connectorFor(platform).catalog.names[names].get(event) ?? null
  return Object.fromEntries(platforms.map((platform) => [platform, of(platform)])) as EventMapping["platformEvents"]
}

const suggestParameters = (properties: ReadonlyArray<string>): ReadonlyArray<ParameterSuggestion> => {
  const suggestions: Array<ParameterSuggestion> = []
  for (const [name, known] of Object.entries(synonyms.parameters)) {
    let best: { readonly property: string; readonly score: number } | null = null
    for (const property of properties) {
      const words = wordsOf(property)
      for (const phrase of known) {
        const score = similarity(words, wordsOf(phrase), () => 1)
        if (score >= parameterScoreMin && score > (best?.score ?? 0)) best = { property, score }
      }
    }
    if (best !== null) suggestions.push({ name, from: `properties.custom.${best.property}` })
  }
  return suggestions
}

/** A wrong amount is worse than a missing one: parameters need more likeness than events. */
const parameterScoreMin = 0.85

const reasonOf = (event: string, phrase: string, score: number): string =>
  score === 1
    ? `is another way to say ${event}${phrase === event ? "" : ` ("${phrase}")`}`
    : `resembles "${phrase}", which means ${event}`

interface Phrase {
  readonly phrase: string
  readonly words: ReadonlyArray<string>
}

const eventSynonyms: Readonly<Record<string, ReadonlyArray<string>>> = synonyms.events

const phrases: ReadonlyMap<string, ReadonlyArray<Phrase>> = new Map(
  canonicalEvents.map((event) => [
    event,
    [event, ...(eventSynonyms[event] ?? [])].map((phrase) => ({ phrase, words: wordsOf(phrase) }))
  ])
)

/** How many events use a word: `product` is in many and says little, `wishlist` is in one and decides. */
const usage: ReadonlyMap<string, number> = (() => {
  const counts = new Map<string, number>()
  for (const list of phrases.values()) {
    const words = new Set(list.flatMap((phrase) => phrase.words))
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return counts
})()

const weightOf = (word: string): number => 1 / (usage.get(word) ?? 1)

const rounded = (score: number): number => Math.round(Math.min(score, 1) * 100) / 100
