/** What was opened, beside what it was opened from. Escape and its button close it. */
import type { ComponentChildren } from "preact"
import { useKey } from "../state/use-key.ts"
import { Icon } from "./icons.tsx"

export interface SidePanelProps {
  readonly label: string
  readonly title: ComponentChildren
  readonly titleClass?: string
  /** Behind the title. */
  readonly state?: ComponentChildren
  readonly onClose: () => void
  readonly children: ComponentChildren
}

export const SidePanel = ({ label, title, titleClass = "cut", state, onClose, children }: SidePanelProps) => {
  useKey("Escape", onClose)
  return (
    <aside class="panel side" aria-label={label}>
      <div class="panel-head">
        <h2 class={titleClass}>{title}</h2>
        {state}
        <div class="controls">
          <button type="button" class="button plain icon" aria-label="Close" title="Close (Esc)" onClick={onClose}>
            <Icon name="close" />
          </button>
        </div>
      </div>
      {children}
    </aside>
  )
}
