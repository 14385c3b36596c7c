const { charCodeAt } = String.prototype

/**
 * As `text.charCodeAt(index)`, for loops over texts of every origin. V8 keeps texts in many forms (flat, cut from another, joined, used as a
 * key), and looking the method up for so many of them costs several times as much as reading the character.
 */
export const codeAt = (text: string, index: number): number => charCodeAt.call(text, index)
