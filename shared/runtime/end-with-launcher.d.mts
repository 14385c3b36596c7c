/** Ends this process in order when the npm, npx or make in front of it is gone. Further calls do nothing. */
export const endWithLauncher: () => void
