/** A key that does something while a part is shown. */
import { useEffect, useRef } from "preact/hooks"
import { onKey } from "./shortcuts.ts"

export const useKey = (key: string, run: () => void): void => {
  const latest = useRef(run)
  latest.current = run
  useEffect(() => onKey(key, () => latest.current()), [key])
}
