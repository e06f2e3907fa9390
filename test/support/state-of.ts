/**
 * Everything an object knows, private fields too, as plain data: what must be equal in two objects that are to behave
 * alike from now on. Functions are left out. Objects must not contain themselves.
 *
 * @param without names of fields that are no state, wherever they stand
 */
export function stateOf(value: unknown, without: readonly string[] = []): unknown {
  const inner = (item: unknown) => stateOf(item, without);
  if (typeof value === "function") return undefined;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (value instanceof Map) return [...value].map(([key, item]) => [key, inner(item)]);
  if (Array.isArray(value)) return value.map(inner);
  const fields = Object.entries(value).filter(([key]) => !without.includes(key));
  return Object.fromEntries(fields.map(([key, item]) => [key, inner(item)]));
}
