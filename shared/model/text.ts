const { charCodeAt } = String.prototype

/**
 * As `text.charCodeAt(index)`, for loops over texts of every origin. V8 has a form of its own for each (flat, cut from another, joined, used as a
 * key, …), and looking the method up for so many forms costs several times as much as reading the character.
 */
export const codeAt = (text: string, index: number): number => charCodeAt.call(text, index)
