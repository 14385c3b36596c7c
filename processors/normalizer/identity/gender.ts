/** Gender: Meta and Snapchat take `f` or `m` and nothing else. */
import { dropped, type Field, kept } from "./field.ts"
import { isPlaceholder } from "./placeholder.ts"
import { clean, fold } from "./text.ts"

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
