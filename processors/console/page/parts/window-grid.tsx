/** Items of one height in as many columns as fit; beyond the height of the window only those in sight are in the document. */
import type { ComponentChildren } from "preact"
import { useLayoutEffect, useRef, useState } from "preact/hooks"
import { WindowList } from "./window-list.tsx"

export interface WindowGridProps<Item> {
  readonly label: string
  readonly items: ReadonlyArray<Item>
  readonly itemHeight: number
  readonly widthMin: number
  readonly keyOf: (item: Item) => string
  readonly render: (item: Item) => ComponentChildren
}

const gap = 12
/** Of what is beside the grid on a window that is not narrow, until the grid's width is known: a wrong number of columns is drawn twice. */
const besideWidth = 270

const columnsIn = (width: number, widthMin: number): number => Math.max(1, Math.floor((width + gap) / (widthMin + gap)))

export const WindowGrid = <Item,>({ label, items, itemHeight, widthMin, keyOf, render }: WindowGridProps<Item>) => {
  const box = useRef<HTMLDivElement>(null)
  const [columns, setColumns] = useState(() => (innerWidth < 720 ? 1 : columnsIn(innerWidth - besideWidth, widthMin)))
  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const measure = () => setColumns(columnsIn(element.clientWidth, widthMin))
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [widthMin])
  const rows = Array.from({ length: Math.ceil(items.length / columns) }, (_, row) =>
    items.slice(row * columns, (row + 1) * columns)
  )
  const rowHeight = itemHeight + gap
  const height = rows.length * rowHeight > 1_400 ? "max(560px, calc(100vh - 140px))" : rows.length * rowHeight
  return (
    <div ref={box}>
      <WindowList
        label={label}
        rows={rows}
        rowHeight={rowHeight}
        height={height}
        keyOf={(_, index) => index}
        render={(row) => (
          <div
            class="grid-row"
            style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`, height: `${itemHeight}px` }}
          >
            {row.map((item) => (
              <div key={keyOf(item)}>{render(item)}</div>
            ))}
          </div>
        )}
      />
    </div>
  )
}
