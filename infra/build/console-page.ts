/**
 * The console's page as one file, `dist/console/index.html`: its scripts and styles are inside, so that a content security policy
 * can name them by their hashes and the browser asks no other host. Nothing is built while the sources are those of the last build.
 *
 * The file is found as `../../dist/console/index.html` from `processors/console` as well as from `dist/programs`.
 */
import { createHash } from "node:crypto"
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { repository } from "../local/state.ts"

const source = path.join(repository, "processors/console/page")

/** Where the server looks for the page. */
export const pageFile = path.join(repository, "dist/console/index.html")

/** Builds the page unless it is there already, made from the same sources. Gives its path. */
export const buildConsolePage = async (file = pageFile): Promise<string> => {
  const stamp = `${path.dirname(file)}.sources`
  const hash = hashOfSources()
  if (textOf(stamp) === hash && textOf(file) !== null) return file
  const html = await bundledPage()
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, html)
  writeFileSync(stamp, hash)
  return file
}

/** The packages count too: the lock file names their versions. */
const hashOfSources = (): string => {
  const files = globSync("**/*.{ts,tsx,css,html,json}", { cwd: source }).sort()
  const all = [
    ...files.map((name) => path.join(source, name)),
    path.join(repository, "package-lock.json"),
    import.meta.filename
  ]
  const hash = createHash("sha256")
  for (const name of all)
    hash.update(path.relative(repository, name)).update("\0").update(readFileSync(name)).update("\0")
  return hash.digest("hex")
}

const textOf = (file: string): string | null => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return null
  }
}

const bundledPage = async (): Promise<string> => {
  // Vite is loaded only where something has to be built.
  const { build } = await import("vite")
  const built = await build({
    root: source,
    configFile: false,
    envDir: false,
    publicDir: false,
    logLevel: "warn",
    build: {
      write: false,
      modulePreload: false,
      target: "es2022",
      cssCodeSplit: false,
      assetsInlineLimit: Number.MAX_SAFE_INTEGER
    }
  })
  const { output } = [built].flat()[0] as { readonly output: ReadonlyArray<BuiltFile> }
  const html = output.find(({ fileName }) => fileName === "index.html")
  if (html === undefined) throw new Error("Vite built no index.html.")
  return withFilesInside(String(html.source), output)
}

interface BuiltFile {
  readonly type: "asset" | "chunk"
  readonly fileName: string
  readonly code?: string
  readonly source?: string | Uint8Array
}

/** The page with each script and style sheet in the place of the element that asks for it. */
const withFilesInside = (html: string, files: ReadonlyArray<BuiltFile>): string => {
  const styles = files.flatMap(({ fileName, source }) => (fileName.endsWith(".css") ? [String(source)] : []))
  const scripts = files.flatMap(({ code }) => (code === undefined ? [] : [code]))
  if (scripts.length !== 1) throw new Error(`The page must be one script, and Vite built ${scripts.length}.`)
  // The script is last: it looks for elements of the page. A function, since `$` in a text would be a pattern of the replacement.
  return html
    .replace(/<script\b[^<>]*><\/script>/, "")
    .replace(/<link\b[^<>]*>/g, (element) => (element.includes('rel="stylesheet"') ? "" : element))
    .replace("</head>", () => `<style>${styles.join("\n")}</style>\n</head>`)
    .replace(
      "</body>",
      () => `<script type="module">${scripts[0]!.replaceAll("</script", "<\\/script")}</script>\n</body>`
    )
}

if (import.meta.main) process.stdout.write(`${path.relative(process.cwd(), await buildConsolePage())}\n`)
