// Prints `N passed, N failed[, N skipped]` from vitest's JSON report; exit code 1 if anything failed or nothing ran.
import { readFileSync } from "node:fs"

const { passed, failed, skipped } = count(process.argv[2])
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0

// A file that could not even be loaded has no tests: it counts as one that failed.
function count(file) {
  try {
    const report = JSON.parse(readFileSync(file, "utf8"))
    const unloaded = report.testResults.filter(
      ({ status, assertionResults }) =>
        status === "failed" && !assertionResults.some((test) => test.status === "failed")
    )
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + unloaded.length,
      skipped: report.numPendingTests + report.numTodoTests
    }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}
