/** The time, as the server has it: an age must be right although the viewer's clock is not. */
import { signal } from "@preact/signals"

let serverAhead = 0

/** Milliseconds since the epoch by the server's clock. */
export const now = (): number => performance.timeOrigin + performance.now() + serverAhead

/** Called with the time that a response says. A request's own time is not known, so small differences are left alone. */
export const learnServerTime = (millis: number): void => {
  const difference = millis - performance.timeOrigin - performance.now()
  if (Math.abs(difference - serverAhead) > 2_000) serverAhead = difference
}

/** Changes each second while the page is visible: what shows an age reads it. */
export const second = signal(now())

setInterval(() => {
  if (!document.hidden) second.value = now()
}, 1_000)
