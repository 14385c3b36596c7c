/** A list of rows of one height of which only those in sight are in the document: 100,000 rows cost as much as 30. */
import type { ComponentChildren } from "preact"
import { useLayoutEffect, useRef, useState } from "preact/hooks"
import { rowsInSight } from "./rows-in-sight.ts"

export interface WindowListProps<Row> {
  readonly label: string
  readonly rows: ReadonlyArray<Row>
  readonly rowHeight?: number
  readonly height: number | string
  readonly keyOf: (row: Row, index: number) => string | number
  readonly render: (row: Row) => ComponentChildren
}

const firstHeight = 100

export const WindowList = <Row,>({ label, rows, rowHeight = 30, height, keyOf, render }: WindowListProps<Row>) => {
  const box = useRef<HTMLDivElement>(null)
  // The first rows, then, in another task, those of the height that it has.
  const [view, setView] = useState({ top: 0, height: firstHeight })
  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight })
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    element.addEventListener("scroll", measure, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener("scroll", measure)
    }
  }, [])
  const { first, last } = rowsInSight(rows.length, rowHeight, view.top, view.height)
  return (
    <section
      class="window"
      ref={box}
      tabIndex={0}
      aria-label={label}
      style={{ height: typeof height === "number" ? `${height}px` : height }}
    >
      <ul style={{ height: `${rows.length * rowHeight}px` }}>
        {rows.slice(first, last).map((row, index) => (
          <li
            key={keyOf(row, first + index)}
            class="window-row"
            aria-setsize={rows.length}
            aria-posinset={first + index + 1}
            style={{ top: `${(first + index) * rowHeight}px`, height: `${rowHeight}px` }}
          >
            {render(row)}
          </li>
        ))}
      </ul>
    </section>
  )
}
