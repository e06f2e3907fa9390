import { Counter, Gauge, type Registry } from "prom-client";

/** A gauge whose value is asked for at every scrape. */
export function gaugeAtScrape(
  registers: Registry[],
  name: string,
  help: string,
  read: () => number,
): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
}

/** A counter that somebody else keeps, asked for at every scrape. */
export function counterAtScrape(
  registers: Registry[],
  name: string,
  help: string,
  read: () => number,
): void {
  new Counter({
    name,
    help,
    registers,
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}
