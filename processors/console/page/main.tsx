/** The console's page: starts what is kept for as long as it lives, and draws. */
import { render } from "preact"
import { App } from "./app.tsx"
import { followLinks } from "./state/location.ts"
import { loadSession } from "./state/session.ts"
import { listenToKeys } from "./state/shortcuts.ts"
import { inLaterTask } from "./state/tasks.ts"
import { applyTheme } from "./state/theme.ts"
import "./styles/tokens.css"
import "./styles/base.css"
import "./styles/shell.css"
import "./styles/parts.css"
import "./styles/charts.css"
import "./styles/views.css"
import "./styles/overview.css"
import "./styles/connections.css"
import "./styles/live.css"
import "./styles/event.css"
import "./styles/dead-letters.css"
import "./styles/alerts.css"
import "./styles/narrow.css"

applyTheme()
followLinks()
listenToKeys()
void loadSession()
// The script has taken a while: what it shows is drawn in another task.
inLaterTask(() => render(<App />, document.querySelector("#page")!))
