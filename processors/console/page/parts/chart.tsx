/** Lines over time, by uPlot. The legend below holds the last values, or those at the cursor, in columns that keep their width. */
import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import uPlot from "uplot"
import { formatClock, formatTick } from "../format.ts"
import { inLaterTask } from "../state/tasks.ts"
import { isDark } from "../state/theme.ts"
import "uplot/dist/uPlot.min.css"

export interface Line {
  readonly label: string
  /** The name of a colour of `tokens.css`, without `--`. */
  readonly colour: string
  readonly fill?: boolean
}

export interface ChartProps {
  readonly title: string
  readonly lines: ReadonlyArray<Line>
  /** The times in seconds, then a column for each line. */
  readonly data: ReadonlyArray<ReadonlyArray<number | null>>
  /** Changes whenever the data do, although their arrays are the same. */
  readonly version: number
  readonly format: (value: number) => string
  readonly height?: number
  /** Charts with the same key show the cursor at the same time. */
  readonly sync?: string
}

export const Chart = ({ title, lines, data, version, format, height = 150, sync }: ChartProps) => {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const latest = useRef(data)
  latest.current = data
  const cursor = useSignal<number | null>(null)
  const dark = isDark()
  const key = lines.map(({ label, colour }) => `${label}:${colour}`).join()
  // The key stands for the lines, and new data are not a new chart.
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: widthOf(element), height }))
    // A chart takes some milliseconds, and a view has several.
    const leaveOut = inLaterTask(() => {
      const options = optionsOf({ lines, format, width: widthOf(element), height, sync })
      const onCursor = ({ cursor: { idx } }: uPlot) => {
        cursor.value = idx ?? null
      }
      const hooks = { setCursor: [onCursor] }
      plot.current = new uPlot({ ...options, hooks }, latest.current as uPlot.AlignedData, element)
      observer.observe(element)
    })
    return () => {
      leaveOut()
      observer.disconnect()
      plot.current?.destroy()
      plot.current = null
    }
  }, [key, dark, height, sync])
  // The version stands for the data.
  useEffect(() => {
    if (!document.hidden) plot.current?.setData(data as uPlot.AlignedData)
  }, [version, key])

  const last = (data[0]?.length ?? 0) - 1
  const index = cursor.value ?? last
  const time = data[0]?.[index]
  return (
    <figure class="chart" aria-label={title}>
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="muted figure small">{time === null || time === undefined ? "" : formatClock(time * 1_000)}</span>
      </figcaption>
      <div ref={box} class="chart-box" style={{ height: `${height}px` }} />
      <ul class="legend">
        {lines.map(({ label, colour }, line) => {
          const value = data[line + 1]?.[index]
          return (
            <li key={label}>
              <svg width="10" height="10" aria-hidden="true">
                <rect width="10" height="3" y="4" rx="1.5" style={{ fill: `var(--${colour})` }} />
              </svg>
              <span class="cut">{label}</span>
              <span class="figure">{value === null || value === undefined ? "–" : format(value)}</span>
            </li>
          )
        })}
      </ul>
    </figure>
  )
}

const widthOf = (element: HTMLElement): number => Math.max(120, element.clientWidth)

interface PlotOptions extends Pick<ChartProps, "lines" | "format"> {
  readonly width: number
  readonly height: number
  readonly sync: string | undefined
}

const optionsOf = ({ lines, format, width, height, sync }: PlotOptions): uPlot.Options => {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim()
  const axis = {
    stroke: colour("muted"),
    font: `11px ${style.getPropertyValue("--sans")}`,
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    border: { show: false }
  }
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 24, 0, 0],
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 6 },
      ...(sync === undefined ? {} : { sync: { key: sync, setSeries: false } })
    },
    scales: { x: { time: true }, y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        size: 24,
        space: 90,
        values: (_plot, times) => times.map((time) => formatTick(time * 1_000, (times.at(-1) ?? 0) - (times[0] ?? 0)))
      },
      { ...axis, size: 58, space: 34, values: (_plot, values) => values.map((value) => format(value)) }
    ],
    series: [
      {},
      ...lines.map(({ label, colour: name, fill }) => ({
        label,
        stroke: colour(name),
        width: 1.5,
        points: { show: false },
        spanGaps: false,
        ...(fill === true ? { fill: `color-mix(in srgb, ${colour(name)} 16%, transparent)` } : {})
      }))
    ]
  }
}
