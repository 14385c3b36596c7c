import { describeConnector } from "./connector-contract.ts"
import { contractFixtures } from "./contract-fixtures.ts"

for (const fixture of contractFixtures) describeConnector(fixture)
