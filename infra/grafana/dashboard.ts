/** Makes `dashboard.json` from the table of its panels (`panels.ts`): `make dashboard`. */
import { writeFileSync } from "node:fs"
import { type Panel, rows } from "./panels.ts"

const panelWidth = 8
const panelHeight = 8

/** The dashboard in Grafana's own format. */
export const makeDashboard = () => {
  const panels: Array<Record<string, unknown>> = []
  let y = 0
  for (const row of rows) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title: row.title,
      gridPos: { x: 0, y: y++, w: 24, h: 1 },
      panels: []
    })
    for (const [index, panel] of row.panels.entries()) {
      const gridPos = {
        x: (index % 3) * panelWidth,
        y: y + Math.floor(index / 3) * panelHeight,
        w: panelWidth,
        h: panelHeight
      }
      panels.push({ id: panels.length + 1, gridPos, ...panelBody(panel) })
    }
    y += Math.ceil(row.panels.length / 3) * panelHeight
  }
  return {
    uid: "capi-relay",
    title: "capi-relay",
    tags: ["capi-relay"],
    schemaVersion: 39,
    timezone: "browser",
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    templating: { list: [dataSource, connections] },
    panels
  }
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills its own placeholder in.
const source = { type: "prometheus", uid: "${datasource}" }

const dataSource = { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" }

const connections = {
  name: "connection",
  label: "Connection",
  type: "query",
  datasource: source,
  query: "label_values(capi_delivery_circuit_state, connection)",
  multi: true,
  includeAll: true,
  allValue: ".*",
  refresh: 2
}

const panelBody = (panel: Panel) => ({
  type: panel.kind ?? "timeseries",
  title: panel.title,
  description: panel.description,
  datasource: source,
  fieldConfig: {
    defaults: {
      unit: panel.unit,
      min: 0,
      ...(panel.thresholds === undefined
        ? {}
        : {
            color: { mode: panel.kind === undefined ? "palette-classic" : "thresholds" },
            thresholds: { mode: "absolute", steps: panel.thresholds.map(([value, color]) => ({ value, color })) }
          })
    },
    overrides: []
  },
  targets: Object.entries(panel.queries).map(([expr, legendFormat], index) => ({
    refId: String.fromCharCode(65 + index),
    datasource: source,
    expr,
    legendFormat
  }))
})

if (import.meta.main)
  writeFileSync(new URL("dashboard.json", import.meta.url), JSON.stringify(makeDashboard(), null, 2) + "\n")
