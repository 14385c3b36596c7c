/** Which fields of a writer's schema a reader's does not have: Avro's resolution passes over them without a word. */
import avro from "avsc"

/** The paths of the fields that are passed over, `[]` standing for the place in a list. */
export const skippedPaths = (writer: avro.Type, reader: avro.Type): ReadonlyArray<string> => {
  const paths: Array<string> = []
  const compare = (written: avro.Type, read: avro.Type, path: string, depth: number): void => {
    if (depth > depthMax) return
    const [from, to] = [groupOf(written), groupOf(read)]
    if (from instanceof avro.types.ArrayType && to instanceof avro.types.ArrayType) {
      compare(from.itemsType, to.itemsType, `${path.slice(0, -1)}[].`, depth + 1)
    }
    if (!(from instanceof avro.types.RecordType && to instanceof avro.types.RecordType)) return
    const known = new Map(to.fields.flatMap((field) => [field.name, ...field.aliases].map((name) => [name, field])))
    for (const field of from.fields) {
      const same = known.get(field.name)
      if (same === undefined) paths.push(path + field.name)
      else compare(field.type, same.type, `${path}${field.name}.`, depth + 1)
    }
  }
  compare(writer, reader, "", 0)
  return paths
}

/** The record or the list of a union, which ours have one of at most. */
const groupOf = (type: avro.Type): avro.Type => {
  if (!(type instanceof avro.types.UnwrappedUnionType || type instanceof avro.types.WrappedUnionType)) return type
  return (
    type.types.find((branch) => branch instanceof avro.types.RecordType || branch instanceof avro.types.ArrayType) ??
    type
  )
}

const depthMax = 16
