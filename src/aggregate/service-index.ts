import { equalBytes } from "../decode/attributes.ts";
import { Hash128 } from "../decode/hash128.ts";

/**
 * Rules by `service.name`, so that a span costs the rules of its own service and not all. Rules that may
 * match any service stand in every answer.
 */
export class ServiceIndex<Rule> {
  private readonly anyService: Rule[] = [];
  private readonly byHash = new Map<number, { name: Uint8Array; rules: Rule[] }[]>();
  private readonly hash = new Hash128();

  /** @param services null: any */
  add(services: readonly string[] | null, rule: Rule): void {
    if (services === null) {
      this.anyService.push(rule);
      for (const entries of this.byHash.values())
        for (const entry of entries) entry.rules.push(rule);
      return;
    }
    const encoder = new TextEncoder();
    for (const service of new Set(services)) this.entry(encoder.encode(service)).rules.push(rule);
  }

  /** Rules that may match items of the service named in `bytes[start..end)`. */
  find(bytes: Uint8Array, start: number, end: number): readonly Rule[] {
    this.hash.range(bytes, start, end);
    const entries = this.byHash.get(this.hash.a);
    if (entries !== undefined) {
      for (const entry of entries)
        if (equalBytes(bytes, start, end, entry.name)) return entry.rules;
    }
    return this.anyService;
  }

  private entry(name: Uint8Array): { name: Uint8Array; rules: Rule[] } {
    this.hash.range(name, 0, name.length);
    let entries = this.byHash.get(this.hash.a);
    if (entries === undefined) {
      entries = [];
      this.byHash.set(this.hash.a, entries);
    }
    let entry = entries.find((e) => equalBytes(name, 0, name.length, e.name));
    if (entry === undefined) {
      entry = { name, rules: [...this.anyService] };
      entries.push(entry);
    }
    return entry;
  }
}
