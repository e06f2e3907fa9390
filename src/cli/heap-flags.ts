import { setFlagsFromString } from "node:v8";

/** To be called before the program is loaded: loading it lets the young generation grow, and it does not shrink again. */
export function setHeapFlags(): void {
  // Requests are garbage as soon as they are counted. A young generation that grows leaves the CPU's cache: kept at
  // its first size, bench/receive.bench.ts takes in two thirds more spans per CPU second.
  setFlagsFromString("--semi-space-growth-factor=1");
  // What requests hold outside the heap counts as growth of the old generation: a small heap would be looked at as a whole
  // for every ten megabytes received. It may double before that.
  setFlagsFromString("--heap-growing-percent=100");
}
