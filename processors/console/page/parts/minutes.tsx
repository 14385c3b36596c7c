/** A small chart of results a minute: a column for each minute, failures at the top of it. */
import type { MinuteCounts } from "../../api.ts"
import { formatCount } from "../format.ts"

const height = 28
const slots = 60

export const Minutes = ({ minutes }: { minutes: ReadonlyArray<MinuteCounts> }) => {
  const shown = minutes.slice(-slots)
  const most = Math.max(1, ...shown.map(({ succeeded, failed, skipped }) => succeeded + failed + skipped))
  const sum = (read: (one: MinuteCounts) => number) => formatCount(shown.reduce((all, one) => all + read(one), 0))
  const words = `Last hour: ${sum((one) => one.succeeded)} succeeded, ${sum((one) => one.failed)} failed, ${sum((one) => one.skipped)} skipped`
  const path = (base: (one: MinuteCounts) => number, read: (one: MinuteCounts) => number): string =>
    shown
      .map((one, index) => {
        const size = (read(one) / most) * height
        if (size === 0) return ""
        const x = (slots - shown.length + index) * 4
        return `M${x} ${(height - (base(one) / most) * height).toFixed(1)}h3v${(-Math.max(1, size)).toFixed(1)}h-3z`
      })
      .join("")
  return (
    <svg
      class="minutes"
      viewBox={`0 0 ${slots * 4} ${height + 1}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={words}
    >
      <title>{words}</title>
      <path class="minute-line" d={`M0 ${height + 0.5}H${slots * 4}`} />
      <path
        class="minute-skipped"
        d={path(
          () => 0,
          (one) => one.skipped
        )}
      />
      <path
        class="minute-succeeded"
        d={path(
          (one) => one.skipped,
          (one) => one.succeeded
        )}
      />
      <path
        class="minute-failed"
        d={path(
          (one) => one.skipped + one.succeeded,
          (one) => one.failed
        )}
      />
    </svg>
  )
}
