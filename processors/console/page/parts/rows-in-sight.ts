/** The rows `first` to before `last` that are in sight of a list that is scrolled to `top`, and some above and below. */
export const rowsInSight = (
  count: number,
  rowHeight: number,
  top: number,
  height: number
): { readonly first: number; readonly last: number } => {
  const margin = Math.ceil(marginHeight / rowHeight)
  const first = Math.max(0, Math.min(count, Math.floor(top / rowHeight) - margin))
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + margin)
  return { first, last: Math.max(first, last) }
}

/** Pixels that a scroll goes before the rows beyond are drawn. */
const marginHeight = 180
