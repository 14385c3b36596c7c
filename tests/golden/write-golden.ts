/** `npm run golden`: writes the golden files again. Review the difference like code: it is what platforms will get. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { connectorKinds } from "../../shared/model/platform.ts"
import { goldenFiles, goldenFolder } from "./golden-files.ts"

rmSync(goldenFolder, { recursive: true, force: true })
for (const kind of connectorKinds) mkdirSync(new URL(`${kind}/`, goldenFolder), { recursive: true })
for (const [name, content] of goldenFiles()) writeFileSync(new URL(name, goldenFolder), content)
