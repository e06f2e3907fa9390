import type { DecisionMessage } from "../model/decision-message.ts";
import { EngineError } from "../model/errors.ts";
import { type DurationMs, SECOND, type UnixMs } from "../model/time.ts";
import { backoffMs } from "../publish/backoff.ts";
import { readDecision } from "../publish/parse.ts";
import { decisionSentence } from "../publish/sentence.ts";
import { apiToken, callApi, errorMessage, openApi, serverUrl } from "./api-client.ts";
import { serverEvents } from "./event-source.ts";
import { type CliIo, type CliStream, columnsOf, readerLeft } from "./io.ts";
import { sleep } from "./sleep.ts";
import { countStates, statusTable } from "./status-table.ts";
import { spell } from "./words.ts";

export interface StatusOptions {
  /** Go on until stopped: redrawn in place on a terminal, a line per transition in a pipe. */
  readonly watch?: boolean;
  /** Null: SLOGATE_SERVER, else this machine. */
  readonly server?: string | null;
  /** Null: SLOGATE_TOKEN. */
  readonly token?: string | null;
  readonly now?: () => UnixMs;
  /** The first delay before connecting again. Default 0.25 s, doubling to 15 s. */
  readonly reconnectMs?: DurationMs;
}

const SHOWN = 0;
const REFUSED = 1;
const UNREACHABLE = 3;

/** Three of the server's heartbeats. */
const SILENCE_MS = 45 * SECOND;
const REDRAW_MS = 100;

const ENTER_SCREEN = "\u001b[?1049h\u001b[?25l";
const LEAVE_SCREEN = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

/**
 * A table of all gates.
 *
 * @param stopped resolves when the user ends a watch
 * @returns exit code: 0 shown, 1 refused by the engine, 3 unreachable (a watch tries again instead)
 */
export async function status(
  options: StatusOptions,
  io: CliIo,
  stopped: Promise<unknown> = new Promise(() => {}),
): Promise<number> {
  try {
    const server = serverUrl(options.server ?? null, io.env);
    const token = apiToken(options.token ?? null, io.env);
    return options.watch === true
      ? await watch(server, token, options, io, Promise.race([stopped, readerLeft(io.stdout)]))
      : await once(server, token, options, io);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    io.stderr.write(`slogate: ${error.message}\n`);
    return error.code === "SERVER_UNREACHABLE" ? UNREACHABLE : REFUSED;
  }
}

async function once(
  server: string,
  token: string | null,
  options: StatusOptions,
  io: CliIo,
): Promise<number> {
  const answer = await callApi(server, "/v1/gates", { token });
  if (answer.status !== 200) {
    io.stderr.write(`slogate: ${errorMessage(answer)}\n`);
    return REFUSED;
  }
  const decisions = readAll(answer.body);
  const now = options.now?.() ?? Date.now();
  if (decisions.length === 0) io.stdout.write("no SLOs yet\n");
  else for (const line of table(decisions, io, now)) io.stdout.write(`${line}\n`);
  return SHOWN;
}

function table(decisions: readonly DecisionMessage[], io: CliIo, now: UnixMs): string[] {
  const isTTY = io.stdout.isTTY === true;
  const columns = isTTY ? columnsOf(io.stdout) : 1_000;
  return statusTable(decisions, { columns, now, colour: isTTY && io.env.NO_COLOR === undefined });
}

async function watch(
  server: string,
  token: string | null,
  options: StatusOptions,
  io: CliIo,
  stopped: Promise<unknown>,
): Promise<number> {
  const abort = new AbortController();
  const stop = stopped.then(() => abort.abort());
  const view = io.stdout.isTTY === true ? new ScreenView(server, options, io) : new LineView(io);
  view.begin();
  try {
    for (let attempt = 0; !abort.signal.aborted; attempt++) {
      try {
        const response = await openApi(server, "/v1/events", { token, signal: abort.signal });
        if (response.status === 401 || response.status === 403 || response.status === 404) {
          const body: unknown = await response.json().catch(() => null);
          const answer = { status: response.status, body, serverTime: null };
          throw new EngineError("CONFIG_INVALID", errorMessage(answer));
        }
        if (!response.ok) throw new Error(`the engine answered ${response.status}`);
        for await (const { event, data } of serverEvents(response, SILENCE_MS)) {
          attempt = 0;
          if (event === "snapshot") view.replace(readAll(JSON.parse(data)));
          else if (event === "decision") view.update(readAll({ data: [JSON.parse(data)] }));
        }
        if (!abort.signal.aborted) throw new Error("the engine closed the connection");
      } catch (error) {
        if (abort.signal.aborted) break;
        if (error instanceof EngineError && !error.retryable) throw error;
        const baseMs = options.reconnectMs ?? SECOND / 4;
        const delay = backoffMs(attempt, Math.random(), { baseMs, maxMs: 15 * SECOND });
        view.lost(error instanceof Error ? error.message : String(error), delay);
        await sleep(delay, stop);
      }
    }
    return SHOWN;
  } finally {
    view.end();
  }
}

/** What cannot be read as a decision is left out: a later version's gates must not end the watch. */
function readAll(body: unknown): DecisionMessage[] {
  const data = (body as { data?: unknown } | null)?.data;
  if (!Array.isArray(data)) return [];
  return data
    .map(readDecision)
    .flatMap((parsed) => ("decision" in parsed ? [parsed.decision] : []));
}

interface View {
  begin(): void;
  replace(decisions: readonly DecisionMessage[]): void;
  update(decisions: readonly DecisionMessage[]): void;
  lost(why: string, delayMs: DurationMs): void;
  end(): void;
}

/** For pipes: every gate once, then a line per transition. */
class LineView implements View {
  readonly #io: CliIo;
  readonly #terms = new Map<string, string>();
  #saidLost = "";

  constructor(io: CliIo) {
    this.#io = io;
  }

  begin(): void {}

  replace(decisions: readonly DecisionMessage[]): void {
    this.#saidLost = "";
    this.update(decisions);
  }

  update(decisions: readonly DecisionMessage[]): void {
    for (const d of decisions) {
      const term = `${d.epoch}/${d.sequence}`;
      if (this.#terms.get(d.slo) === term) continue;
      this.#terms.set(d.slo, term);
      this.#io.stdout.write(`${decisionSentence(d)}\n`);
    }
  }

  lost(why: string): void {
    if (why === this.#saidLost) return;
    this.#saidLost = why;
    this.#io.stderr.write(`slogate: ${why}; trying again\n`);
  }

  end(): void {}
}

/** For terminals: the table in place, on the alternate screen so that the history above stays as it was. */
class ScreenView implements View {
  readonly #server: string;
  readonly #io: CliIo;
  readonly #now: () => UnixMs;
  readonly #decisions = new Map<string, DecisionMessage>();
  #connection = "connecting";
  #redraw: NodeJS.Timeout | null = null;
  #clock: NodeJS.Timeout | null = null;

  constructor(server: string, options: StatusOptions, io: CliIo) {
    this.#server = server;
    this.#io = io;
    this.#now = options.now ?? Date.now;
  }

  begin(): void {
    this.#io.stdout.write(ENTER_SCREEN);
    this.#draw();
    // Lengths such as "for 3 min" and expiry move on without any event.
    this.#clock = setInterval(() => this.#draw(), SECOND);
  }

  replace(decisions: readonly DecisionMessage[]): void {
    this.#decisions.clear();
    this.#connection = "live";
    this.update(decisions);
  }

  update(decisions: readonly DecisionMessage[]): void {
    for (const d of decisions) this.#decisions.set(d.slo, d);
    this.#redraw ??= setTimeout(() => this.#draw(), REDRAW_MS);
  }

  lost(why: string, delayMs: DurationMs): void {
    this.#connection = `DISCONNECTED (${why}); trying again in ${spell(delayMs)}`;
    this.#draw();
  }

  end(): void {
    if (this.#redraw !== null) clearTimeout(this.#redraw);
    if (this.#clock !== null) clearInterval(this.#clock);
    this.#io.stdout.write(LEAVE_SCREEN);
    for (const line of this.#table()) this.#io.stdout.write(`${line}\n`);
  }

  #draw(): void {
    if (this.#redraw !== null) clearTimeout(this.#redraw);
    this.#redraw = null;
    const stdout: CliStream & { readonly rows?: number } = this.#io.stdout;
    const columns = columnsOf(stdout);
    // The last row stays free: writing its end would scroll the screen.
    const room = Math.max(4, (stdout.rows || 24) - 4);
    const decisions = [...this.#decisions.values()];
    const lines = this.#table();
    const hidden = lines.length - room;
    const shown = hidden > 0 ? [...lines.slice(0, room - 1), `… ${hidden + 1} more lines`] : lines;
    const head = `slogate ${this.#server}: ${countStates(decisions, this.#now())}`;
    const text = [head.slice(0, columns), this.#connection.slice(0, columns), "", ...shown];
    stdout.write(`${HOME}${text.map((line) => `${line}${CLEAR_LINE}\r\n`).join("")}${CLEAR_BELOW}`);
  }

  #table(): string[] {
    const decisions = [...this.#decisions.values()];
    if (decisions.length > 0) return table(decisions, this.#io, this.#now());
    return [this.#connection === "live" ? "no SLOs yet" : ""];
  }
}
