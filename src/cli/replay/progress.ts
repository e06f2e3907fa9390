import type { CliIo } from "../io.ts";

const BAR = 24;
const EVERY_ROWS = 10_000;
const EVERY_MS = 200;

/** How much of the counts has been read; nothing is known of standard input. */
export interface Reading {
  bytes: number | null;
  bytesRead: () => number;
}

/** On a terminal, a bar of how far the replay is. */
export class Progress {
  private readonly io: CliIo;
  private readonly reading: Reading;
  private shownAt = Number.NEGATIVE_INFINITY;

  constructor(io: CliIo, reading: Reading) {
    this.io = io;
    this.reading = reading;
  }

  row(rows: number): void {
    if (this.io.stderr.isTTY !== true || rows % EVERY_ROWS !== 0) return;
    const now = performance.now();
    if (now - this.shownAt < EVERY_MS) return;
    this.shownAt = now;
    this.io.stderr.write(`\r\u001b[K${this.bar()}${rows.toLocaleString("en-US")} rows`);
  }

  end(): void {
    if (this.shownAt > Number.NEGATIVE_INFINITY) this.io.stderr.write("\r\u001b[K");
  }

  private bar(): string {
    const { bytes, bytesRead } = this.reading;
    if (bytes === null || bytes === 0) return "";
    const share = Math.min(1, bytesRead() / bytes);
    const full = Math.round(share * BAR);
    const percent = `${Math.floor(share * 100)}`.padStart(3);
    return `${"█".repeat(full)}${"░".repeat(BAR - full)} ${percent} %  `;
  }
}
