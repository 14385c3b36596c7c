import { defineConfig } from "vitest/config"
import { endWithLauncher } from "./shared/runtime/end-with-launcher.mjs"

endWithLauncher()

const exclude = ["**/node_modules/**", "**/.capi/**"]

// Two projects: `unit` needs nothing; `kafka` shares one real broker and registry, started once by the global set-up.
export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: [...exclude, "**/*.kafka.test.ts", "**/*.docker.test.ts"],
          // A slow machine with other work takes several times as long as a quick one.
          testTimeout: 90_000,
          hookTimeout: 90_000
        }
      },
      {
        test: {
          name: "kafka",
          include: ["**/*.kafka.test.ts", "**/*.docker.test.ts"],
          exclude,
          globalSetup: ["tests/harness/global-setup.ts"],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          maxWorkers: 2
        }
      }
    ]
  }
})
