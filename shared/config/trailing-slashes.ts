/** An address without the slashes at its end, found from the end. */
export const withoutTrailingSlashes = (address: string): string => {
  let end = address.length
  while (end > 0 && address.charCodeAt(end - 1) === slash) end--
  return address.slice(0, end)
}

const slash = 0x2f
