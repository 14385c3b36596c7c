/** Checks paths into an event, as conditions, parameters and templates write them. */
import { suggestion } from "./did-you-mean.ts"
import { isReadable, readableFields } from "./names.ts"
import { quote, type Section } from "./section.ts"
import type { Found } from "./yaml-reader.ts"

/** Reports a path that leads to no field of an event. */
export const checkPath = (section: Section, at: Found, path: string): void => {
  if (isReadable(path)) return
  const meant = suggestion(path, readableFields)
  section.reader.error(at, `${quote(path)} is no field of an event.${meant}`, fieldForms)
}

const fieldForms = "event_name, action_source, properties.value, properties.custom.<name>, …"

/** Reports placeholders of a template that are not closed or lead to no field. */
export const checkPlaceholders = (section: Section, at: Found, template: string): void => {
  const without = template.replaceAll(/\{([^{}]*)\}/g, (_, path: string) => {
    checkPath(section, at, path.trim())
    return ""
  })
  if (/[{}]/.test(without)) section.reader.error(at, "A brace is not closed.", '"order {properties.order_id}"')
}
