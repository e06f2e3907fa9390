/**
 * One object for all that are equal: thousands of SLOs differ in little more than their service. Values are plain data
 * that nobody changes.
 */
export class Sharing {
  private readonly known = new Map<string, unknown>();

  of<T>(value: T): T {
    if (typeof value !== "object" || value === null) return value;
    const text = JSON.stringify(value);
    const known = this.known.get(text) ?? this.withSharedParts(value);
    this.known.set(text, known);
    return known as T;
  }

  private withSharedParts(value: object): unknown {
    if (Array.isArray(value)) return value.map((part) => this.of(part));
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, this.of(part)]));
  }
}
