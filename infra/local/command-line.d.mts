/** The command line of a process, its arguments joined by spaces; empty where there is no such process. */
export const commandLine: (pid: number) => string
