/** Names and gender. Names have one form for Meta, TikTok and Snapchat, and another for Google. */
import { dropped, type Field, kept } from "./field.ts"
import { isOtherHash } from "./hash.ts"
import { isPlaceholder } from "./placeholder.ts"
import { clean, fold, lettersAndDigits, looksLikeAddress, lower, visible } from "./text.ts"

export interface NameForms {
  /**
   * Meta, TikTok, Snapchat: lower case without punctuation (`O'Neil` → `oneil`, `Anna-Maria` → `annamaria`); accents and
   * scripts stay. Inner spaces go too, as in Meta's own parameter builder. Null where only punctuation was left.
   */
  readonly plain: string | null
  /** Google (Data Manager, formatting page): trimmed, lower case, titles and suffixes dropped, the rest kept. */
  readonly google: string | null
}

export const normalizeFirstName = (raw: string): Field<NameForms> => normalizeName(raw, withoutTitle)

export const normalizeLastName = (raw: string): Field<NameForms> => normalizeName(raw, withoutSuffixes)

const normalizeName = (raw: string, google: (name: string) => string): Field<NameForms> => {
  if (raw.length > nameLengthMax) return dropped("too_long")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  const lowered = lower(visible(cleaned))
  // An address or a number in a field of names is a mistake of the producer, and its hash would match no one.
  if (looksLikeAddress(lowered) || !hasLetter.test(lowered)) return dropped("invalid_name")
  const plain = lettersAndDigits(lowered)
  if (isPlaceholder(plain)) return dropped("placeholder")
  if (isOtherHash(plain)) return dropped("unsupported_hash")
  const forGoogle = google(lowered)
  return kept({ plain: plain === "" ? null : plain, google: forGoogle === "" ? null : forGoogle })
}

/** `mr.`, `mrs.`, `ms.`, `dr.` before the name, with the full stop: as Google's own formatter has it. */
const withoutTitle = (name: string): string => {
  let rest = name
  while (title.test(rest)) rest = rest.replace(title, "").trim()
  return rest
}

/** `jr`, `sr`, `iii`, `phd` and their like after the name, as often as they come. */
const withoutSuffixes = (name: string): string => {
  let rest = name
  for (let found = suffix.exec(rest); found !== null; found = suffix.exec(rest)) {
    // The comma or the spaces before the suffix go with it, also a comma before spaces.
    const before = rest.slice(0, found.index + 1).trimEnd()
    rest = (before.endsWith(",") ? before.slice(0, -1) : before).trim()
  }
  return rest
}

const nameLengthMax = 256
const hasLetter = /[\p{L}]/u
const title = /^(?:mr|mrs|ms|dr)\.(?:\s|$)/
const suffix = /[,\s](?:jr\.?|sr\.?|2nd|3rd|ii|iii|iv|v|vi|cpa|dc|dds|vm|jd|md|phd)\s?$/

/** Meta and Snapchat take `f` or `m` and nothing else. */
export const normalizeGender = (raw: string): Field<"f" | "m"> => {
  if (raw.length > 64) return dropped("unsupported_gender")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  const word = fold(cleaned)
  if (female.has(word)) return kept("f")
  if (male.has(word)) return kept("m")
  return dropped("unsupported_gender")
}

/** English (with the words that Meta's own parameter builder knows), then French, Spanish, Portuguese, Italian, German, Dutch, Scandinavian, Polish, Russian, Chinese, Japanese, Korean. */
const female = new Set(
  (
    "f female woman girl lady miss ms mrs madam maam she her hers herself wife widow bride girlfriend mother mom mommy mama " +
    "sister daughter aunt niece gal lass maiden dame belle chick queen princess duchess countess empress goddess fem femme femenino femenina feminin feminine mujer feminino feminina mulher femmina donna " +
    "weiblich frau w vrouw vrouwelijk kvinna kvinde kvinne nainen kobieta zena жен женский женщина 女 女性 여 여성 여자"
  )
    .split(" ")
    .map(fold)
)
const male = new Set(
  (
    "m male man boy gentleman mr mister sir he him his himself husband widower groom boyfriend father dad daddy papa " +
    "brother son uncle nephew guy lad fellow chap bloke dude lord king prince duke count emperor god masc masculin masculino masculine homme hombre varon homem maschio uomo " +
    "mannlich maennlich mann herr mannelijk mand mies mezczyzna muz муж мужской мужчина 男 男性 남 남성 남자"
  )
    .split(" ")
    .map(fold)
)
