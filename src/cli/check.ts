import type { DecisionMessage } from "../model/decision-message.ts";
import { EngineError } from "../model/errors.ts";
import { type DurationMs, SECOND, type UnixMs } from "../model/time.ts";
import { readDecision } from "../publish/parse.ts";
import { type ApiAnswer, apiToken, callApi, errorMessage, serverUrl } from "./api-client.ts";
import { NOT_KNOWN } from "./crash-code.ts";
import { type CliIo, columnsOf } from "./io.ts";
import { sleep } from "./sleep.ts";
import { gateLine, instant, isExpired, spell } from "./words.ts";

export interface CheckOptions {
  /** At least one name. */
  readonly slos: readonly string[];
  /** Null: SLOGATE_SERVER, else this machine. */
  readonly server?: string | null;
  /** Ask about this service.version alone. */
  readonly version?: string | null;
  /** How long to wait for the gates to allow it; null or 0: answer at once. */
  readonly waitMs?: DurationMs | null;
  /** Null: SLOGATE_TOKEN. */
  readonly token?: string | null;
  /** Time between questions while waiting. Default 2 s. */
  readonly pollMs?: DurationMs;
  /** Deadline of one question. Default 5 s. */
  readonly timeoutMs?: DurationMs;
  /** The clock that judges `validUntil`. */
  readonly now?: () => UnixMs;
}

export const ALLOWED = 0;
export const CLOSED = 1;

interface Verdict {
  readonly code: typeof ALLOWED | typeof CLOSED | typeof NOT_KNOWN;
  readonly line: string;
  /** What is waited for, in a few words. */
  readonly short: string;
  /** Asking again will not help. */
  readonly isFinal: boolean;
}

/**
 * Asks whether a rollout may go on and prints why (or why not), one line per SLO. Of several SLOs the worst
 * counts: closed before not known before allowed.
 *
 * @param stopped resolves when the user interrupts a wait; the last verdict counts
 * @returns exit code: 0 allowed, 1 closed, 3 not known: unknown and not allowed, expired,
 *   unreachable, or no such SLO
 */
export async function check(
  options: CheckOptions,
  io: CliIo,
  stopped: Promise<unknown> = new Promise(() => {}),
): Promise<number> {
  if (options.slos.length === 0) {
    io.stderr.write("slogate: name at least one SLO; `slogate status` lists them\n");
    return NOT_KNOWN;
  }
  let isStopped = false;
  const stop = stopped.then(() => {
    isStopped = true;
  });
  // Monotonic, so that a clock that is set during the wait neither ends nor prolongs it.
  const deadline = performance.now() + (options.waitMs ?? 0);
  const progress = new Progress(io);
  for (;;) {
    const verdicts = await askAll(options, io);
    const left = deadline - performance.now();
    const waiting = verdicts.filter(({ code }) => code !== ALLOWED);
    const isOver = left <= 0 || isStopped || verdicts.some(({ isFinal }) => isFinal);
    if (waiting.length === 0 || isOver) {
      progress.clear();
      for (const { line } of verdicts) io.stdout.write(`${line}\n`);
      if (waiting.length > 0 && (options.waitMs ?? 0) > 0 && left <= 0) {
        io.stderr.write(`slogate: gave up after ${spell(options.waitMs ?? 0)}\n`);
      }
      return worst(verdicts);
    }
    progress.show(waiting.map(({ short }) => short).join(", "), left);
    await sleep(Math.min(options.pollMs ?? 2 * SECOND, left), stop);
  }
}

function worst(verdicts: readonly Verdict[]): number {
  for (const code of [CLOSED, NOT_KNOWN]) if (verdicts.some((v) => v.code === code)) return code;
  return ALLOWED;
}

async function askAll(options: CheckOptions, io: CliIo): Promise<Verdict[]> {
  let server: string;
  try {
    server = serverUrl(options.server ?? null, io.env);
  } catch (error) {
    return [unanswered("", error)];
  }
  const verdicts = await Promise.all(options.slos.map((slo) => ask(slo, server, options, io)));
  // An engine that cannot be reached is said once, not once per SLO.
  const seen = new Set<string>();
  return verdicts.filter(({ line }) => !seen.has(line) && seen.add(line));
}

async function ask(
  slo: string,
  server: string,
  options: CheckOptions,
  io: CliIo,
): Promise<Verdict> {
  const version = options.version ?? "";
  const query = version === "" ? "" : `?version=${encodeURIComponent(version)}`;
  try {
    const answer = await callApi(server, `/v1/gates/${encodeURIComponent(slo)}${query}`, {
      token: apiToken(options.token ?? null, io.env),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    });
    return judge(slo, answer, options.now?.() ?? Date.now());
  } catch (error) {
    return unanswered(slo, error);
  }
}

function judge(slo: string, answer: ApiAnswer, now: UnixMs): Verdict {
  if (answer.status !== 200) {
    const isFinal = answer.status >= 400 && answer.status < 500;
    const known = answer.status === 404 ? knownNames(answer.body) : "";
    const line = `${slo}: not known: ${errorMessage(answer)}${known}`;
    return { code: NOT_KNOWN, line, short: `${slo} (no answer)`, isFinal };
  }
  const parsed = readDecision((answer.body as { data?: unknown } | null)?.data);
  if ("problem" in parsed) {
    const line = `${slo}: not known: the engine's answer cannot be read: ${parsed.problem}`;
    return { code: NOT_KNOWN, line, short: `${slo} (no answer)`, isFinal: true };
  }
  const d = parsed.decision;
  const short = `${slo} ${d.state} (${d.reason})`;
  if (isExpired(d, now)) {
    const line = `${slo}: not known: ${expiry(d, answer.serverTime, now)}`;
    return { code: NOT_KNOWN, line, short: `${slo} (expired)`, isFinal: false };
  }
  const code = d.allowed ? ALLOWED : d.state === "unknown" ? NOT_KNOWN : CLOSED;
  return { code, line: gateLine(d, now), short, isFinal: false };
}

/** An expired decision is not obeyed; when it is this machine's clock that is wrong, that must be said. */
function expiry(d: DecisionMessage, serverTime: UnixMs | null, now: UnixMs): string {
  const validUntil = instant(d.validUntil);
  if (validUntil === null) return "the decision does not say how long it is valid";
  const was = `the last decision (${d.state}) expired ${spell(now - validUntil)} ago`;
  // The server's time has whole seconds and the answer took its way: less than 5 s is no difference.
  const ahead = serverTime === null ? 0 : now - serverTime;
  return ahead > 5 * SECOND && serverTime !== null && serverTime < validUntil
    ? `${was} by this machine's clock, which is ${spell(ahead)} ahead of the engine's; set the clock`
    : `${was}; the engine no longer decides, see its log`;
}

function unanswered(slo: string, error: unknown): Verdict {
  if (!(error instanceof EngineError)) throw error;
  const isFinal = !error.retryable;
  const short = slo === "" ? "the engine" : `${slo} (unreachable)`;
  return { code: NOT_KNOWN, line: `not known: ${error.message}`, short, isFinal };
}

function knownNames(body: unknown): string {
  const error = (body as { error?: { known?: unknown; nearest?: unknown } }).error;
  if (!Array.isArray(error?.known) || error.nearest === null) return "";
  const names = error.known.filter((name) => typeof name === "string").slice(0, 10);
  return names.length === 0 ? "" : ` Known: ${names.join(", ")}`;
}

/** What is waited for: redrawn in place on a terminal, a line per change in a pipe. */
class Progress {
  readonly #io: CliIo;
  #last = "";

  constructor(io: CliIo) {
    this.#io = io;
  }

  show(what: string, leftMs: DurationMs): void {
    const { stderr } = this.#io;
    if (stderr.isTTY === true) {
      const text = `waiting, ${spell(leftMs)} left: ${what}`;
      stderr.write(`\r\u001b[K${text.slice(0, columnsOf(stderr) - 1)}`);
    } else if (what !== this.#last) {
      stderr.write(`slogate: waiting: ${what}\n`);
    }
    this.#last = what;
  }

  clear(): void {
    if (this.#last !== "" && this.#io.stderr.isTTY === true) this.#io.stderr.write("\r\u001b[K");
  }
}
