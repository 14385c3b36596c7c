/** A table of columns, each with its head; on a narrow window it scrolls sideways, by keyboard too. */
import type { ComponentChildren } from "preact"

export interface Column<Row> {
  readonly head: string
  readonly cell: (row: Row) => ComponentChildren
  /** Of its cells: `number` stands at the right, `wide-only` is left out on a phone. */
  readonly class?: string
  /** Its cells name their rows. */
  readonly names?: boolean
}

export interface TableProps<Row> {
  readonly label: string
  readonly class: string
  readonly columns: ReadonlyArray<Column<Row>>
  readonly rows: ReadonlyArray<Row>
  readonly keyOf: (row: Row) => string
  readonly isChosen?: (row: Row) => boolean
}

export const Table = <Row,>({ label, class: name, columns, rows, keyOf, isChosen }: TableProps<Row>) => (
  <section class="scroll-x" tabIndex={0} aria-label={label}>
    <table class={name}>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column.head} scope="col" class={headClass(column.class)}>
              {column.head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)} class={isChosen?.(row) === true ? "chosen" : ""}>
            {columns.map((column) =>
              column.names === true ? (
                <th key={column.head} scope="row" class={column.class}>
                  {column.cell(row)}
                </th>
              ) : (
                <td key={column.head} class={column.class}>
                  {column.cell(row)}
                </td>
              )
            )}
          </tr>
        ))}
      </tbody>
    </table>
  </section>
)

/** A head stands over its cells, and is not there where they are not. */
const headClass = (cells = ""): string =>
  cells
    .split(" ")
    .filter((one) => one === "number" || one === "wide-only")
    .join(" ")
