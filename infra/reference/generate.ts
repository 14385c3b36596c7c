/** `make reference`: writes docs/reference and the JSON Schema of connections.yaml from the code. */
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { repository } from "../local/state.ts"
import { commandLinePage } from "./command-line-page.ts"
import { connectionsPage, connectionsSchemaText, schemaFile } from "./connections-page.ts"
import { groupsPage } from "./groups-page.ts"
import { httpPage } from "./http-page.ts"
import { metricsPage } from "./metrics-page.ts"
import { outcomesPage } from "./outcomes-page.ts"
import { rawEventsPage } from "./raw-events-page.ts"
import { settingsPage } from "./settings-page.ts"
import { topicsPage } from "./topics-page.ts"

/** The generated files, by their path in the repository. */
export const references = async (): Promise<ReadonlyMap<string, string>> =>
  new Map([
    ["docs/reference/command-line.md", await commandLinePage()],
    ["docs/reference/connections.md", connectionsPage()],
    ["docs/reference/consumer-groups.md", groupsPage()],
    ["docs/reference/http.md", httpPage()],
    ["docs/reference/metrics.md", metricsPage()],
    ["docs/reference/outcomes.md", outcomesPage()],
    ["docs/reference/raw-events.md", rawEventsPage()],
    ["docs/reference/settings.md", settingsPage()],
    ["docs/reference/topics.md", topicsPage()],
    [schemaFile, connectionsSchemaText()]
  ])

if (import.meta.main)
  for (const [file, text] of await references()) {
    mkdirSync(path.dirname(path.join(repository, file)), { recursive: true })
    writeFileSync(path.join(repository, file), text)
    process.stdout.write(`${file}\n`)
  }
