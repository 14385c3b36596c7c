/** The README's own commands, taken from the page and run as a person would paste them. */
import { readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { repository } from "../../infra/local/state.ts"
import type { EndToEnd } from "./end-to-end.ts"
import { execute } from "./producers.ts"

const section = (): string => {
  const readme = readFileSync(path.join(repository, "README.md"), "utf8")
  return readme.slice(readme.indexOf("## Send an event"), readme.indexOf("## What runs"))
}

const block = (language: string): string => {
  const text = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\n\`\`\``).exec(section())?.[1]
  if (text === undefined) throw new Error(`The README shows no ${language} to send an event with.`)
  return text
}

/** Pastes the shell's lines; the id of the event that they sent, and what the look-up printed. */
export const pasteShell = async (endToEnd: EndToEnd): Promise<{ readonly id: string; readonly text: string }> => {
  // The addresses are given: nothing was started by `make run` here.
  const lines = block("sh").replace(/^eval .*\n/, "")
  const text = await execute("bash", ["-c", `cd '${repository}'\n${lines}\necho "id=$id"`], endToEnd.environment)
  return { id: /^id=(.*)$/m.exec(text)?.[1] ?? "", text }
}

/** Runs the Python program with the pinned client; the id that it printed, or null where the machine has no Python. */
export const runPython = async (endToEnd: EndToEnd): Promise<string | null> => {
  const hasPython = await execute("python3", ["--version"]).then(
    () => true,
    () => false
  )
  if (!hasPython) return null
  const venv = path.join(endToEnd.folder, "venv")
  const requirements = path.join(repository, "examples/producers/python/requirements.txt")
  await execute("python3", ["-m", "venv", venv])
  await execute(path.join(venv, "bin/pip"), ["install", "--quiet", "-r", requirements])
  const program = path.join(endToEnd.folder, "readme.py")
  // The run's topics have a prefix.
  writeFileSync(program, block("python").replace('"raw-events"', `"${endToEnd.prefix}raw-events"`))
  return (await execute(path.join(venv, "bin/python"), [program], endToEnd.environment)).trim()
}
