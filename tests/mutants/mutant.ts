/** A small change to the code that a test must notice. */
export interface Mutant {
  /** What is wrong with the changed code, as a sentence. */
  readonly wrong: string
  readonly file: string
  /** Occurs once in the file. */
  readonly from: string
  readonly to: string
  /** The test files that must fail, each by itself. */
  readonly tests: ReadonlyArray<string>
}
