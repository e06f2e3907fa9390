/** As the version table of receivers: 0 is "no version", 1 is "other". */
const LIMIT = 4096;

/** Numbers for the names in a file's version column, bounded; the rest are "other". */
export class VersionNames {
  readonly names: string[] = ["", "other"];
  private readonly ids = new Map<string, number>([["", 0]]);

  idOf(name: string): number {
    const known = this.ids.get(name);
    if (known !== undefined) return known;
    if (this.names.length >= LIMIT) return 1;
    const id = this.names.length;
    this.names.push(name);
    this.ids.set(name, id);
    return id;
  }
}
