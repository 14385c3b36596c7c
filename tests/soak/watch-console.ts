/** A browser's tab that stays open for hours, without the browser. */
import * as Effect from "effect/Effect"

/** Reads the live stream of the console, opens it again when it ends, and asks for the overview as the page does. Runs until interrupted. */
export const watchConsole = (url: string): Effect.Effect<never> =>
  Effect.promise(async (signal) => {
    const answer = await fetch(`${url}/api/live`, { signal }).catch(() => null)
    await fetch(`${url}/api/overview?period=24h`, { signal }).then(
      (one) => one.text(),
      () => null
    )
    await answer?.body?.pipeTo(new WritableStream(), { signal }).catch(() => undefined)
  }).pipe(Effect.andThen(Effect.sleep("2 seconds")), Effect.forever)
