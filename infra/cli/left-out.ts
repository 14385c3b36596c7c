/** What a list of limited length leaves out, and how to get it: never a list that ends without a remark. */
import { count } from "./format.ts"

/** For a list that shows the last `shown` of `total` rows: members of its JSON, and lines below its table. */
export const leftOut = (shown: number, total: number) => {
  const more = total - shown
  const nextStep = more === 0 ? null : `--limit ${total} shows all; --since and the other filters narrow the list.`
  return {
    json: { shown, total, more, next_step: nextStep },
    lines: nextStep === null ? [] : [`${count(more, "older one is", "older ones are")} not shown. ${nextStep}`]
  }
}
