/** A modal dialog by the browser's own element: it keeps the focus inside, and Escape closes it. */
import type { ComponentChildren } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { Icon } from "./icons.tsx"

export const Dialog = ({
  title,
  onClose,
  children
}: {
  title: string
  onClose: () => void
  children: ComponentChildren
}) => {
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const opener = document.activeElement
    element.current?.showModal()
    return () => {
      if (opener instanceof HTMLElement) opener.focus()
    }
  }, [])
  return (
    <dialog ref={element} aria-label={title} onClose={onClose}>
      <div class="panel-head">
        <h2>{title}</h2>
        <div class="controls">
          <button type="button" class="button plain icon" aria-label="Close" onClick={() => element.current?.close()}>
            <Icon name="close" />
          </button>
        </div>
      </div>
      <div class="panel-body">{children}</div>
    </dialog>
  )
}
