/** Work that takes a while, in tasks of the browser's loop: between two of them it draws and takes what the user does. */

const queue: Array<() => void> = []
let isRunning = false

/** Runs the work after the present task and what was given before, each in a separate task. Gives the function that takes it out again. */
export const inLaterTask = (work: () => void): (() => void) => {
  queue.push(work)
  if (!isRunning) {
    isRunning = true
    setTimeout(runNext)
  }
  return () => {
    const at = queue.indexOf(work)
    if (at >= 0) queue.splice(at, 1)
  }
}

const runNext = (): void => {
  const work = queue.shift()
  isRunning = queue.length > 0
  if (isRunning) setTimeout(runNext)
  work?.()
}
