/** What a person does to set a credential, by its reference: the one place where that is worded. */
import { parseReference } from "./credential.ts"

/**
 * The rest of a sentence, such as ``set a new one with `./capi credentials set meta-eu` ``.
 *
 * @param reference as the file of connections has it, such as `env:META_TOKEN`
 * @param what is to be set
 * @param users of it: only a start reads the environment
 */
export const stepToSet = (reference: string, what: string, users = "what uses it"): string => {
  const parsed = parseReference(reference)
  if (parsed?.source === "store") return `set ${what} with \`./capi credentials set ${parsed.name}\``
  if (parsed?.source === "env") return `set the environment variable ${parsed.name} to ${what} and restart ${users}`
  return `put ${what} where ${reference} points, which is read again`
}

/** The same as a sentence. */
export const nextStepToSet = (reference: string, what: string): string => {
  const step = stepToSet(reference, what)
  return `${step.charAt(0).toUpperCase()}${step.slice(1)}.`
}
