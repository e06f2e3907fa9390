import { userInfo } from "node:os";
import { formatDuration, parseFixedDuration } from "../config/duration.ts";
import { EngineError } from "../model/errors.ts";
import { readDecision } from "../publish/parse.ts";
import { singleLine } from "../publish/sentence.ts";
import {
  type ApiAnswer,
  type ApiCall,
  apiToken,
  callApi,
  errorMessage,
  serverUrl,
} from "./api-client.ts";
import type { CliIo } from "./io.ts";
import { gateLine } from "./words.ts";

export interface OverrideOptions {
  readonly slo: string;
  /** Exactly one of open, close and clear. */
  readonly open?: boolean;
  readonly close?: boolean;
  readonly clear?: boolean;
  /** A duration such as `2h`; needed to open and close. */
  readonly for?: string | null;
  /** Needed to open and close. */
  readonly reason?: string | null;
  /** Null: the user of the operating system. */
  readonly author?: string | null;
  /** Null: SLOGATE_TOKEN. */
  readonly token?: string | null;
  /** Null: SLOGATE_SERVER, else this machine. */
  readonly server?: string | null;
}

const DONE = 0;
const REFUSED = 1;
const USAGE = 2;
const UNREACHABLE = 3;

/**
 * Break-glass: opens or closes a gate for a while, or gives it back to the engine.
 *
 * @returns exit code: 0 done, 1 refused by the engine, 2 wrong use, 3 unreachable
 */
export async function override(options: OverrideOptions, io: CliIo): Promise<number> {
  const problem = usageProblem(options, io);
  if (problem !== null) {
    io.stderr.write(`slogate: ${problem}\n`);
    return USAGE;
  }
  try {
    const server = serverUrl(options.server ?? null, io.env);
    const { path, call } = toCall(options, io);
    const answer = await callApi(server, path, call);
    if (answer.status !== 200) {
      io.stderr.write(`slogate: ${refusal(answer, options)}\n`);
      return REFUSED;
    }
    const body = answer.body as { data?: unknown; cleared?: unknown } | null;
    const parsed = readDecision(body?.data);
    const now = "decision" in parsed ? gateLine(parsed.decision, Date.now()) : options.slo;
    const nothingSet = body?.cleared === false;
    const done = nothingSet ? "no override was set" : "override cleared";
    io.stdout.write(`${options.clear ? done : "overridden"}. ${now}\n`);
    return DONE;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    io.stderr.write(`slogate: ${error.message}\n`);
    return error.code === "SERVER_UNREACHABLE" ? UNREACHABLE : USAGE;
  }
}

/** What the engine does not like of an override it calls by the keys and values of its API: here they are options as typed. */
function refusal(answer: ApiAnswer, options: OverrideOptions): string {
  const body = answer.body as { error?: { problems?: unknown } } | null;
  const found = body?.error?.problems;
  if (answer.status !== 400 || !Array.isArray(found)) return errorMessage(answer);
  const problems = found.map(
    (problem) => `--${asTyped(singleLine(String(problem)), options.for ?? "")}`,
  );
  return `${problems.join("; ")}; for example ${EXAMPLE}`;
}

function asTyped(problem: string, typed: string): string {
  if (!problem.startsWith("for:")) return problem;
  return problem.replace(JSON.stringify(sentLength(typed)), () => JSON.stringify(typed));
}

const EXAMPLE =
  'slogate override payment-availability --open --for 2h --reason "fix for incident 42"';

function usageProblem(options: OverrideOptions, io: CliIo): string | null {
  const actions = [options.open, options.close, options.clear].filter((on) => on === true);
  if (actions.length !== 1) return "say exactly one of --open, --close and --clear";
  if (options.clear !== true) {
    if (!options.for) return "say how long with --for, such as --for 2h; an override always ends";
    const length = parseFixedDuration(options.for);
    if ("fault" in length) return `--for ${length.fault}, found ${JSON.stringify(options.for)}`;
    if (!options.reason?.trim()) return "say why with --reason; it is published with the decision";
  }
  if (apiToken(options.token ?? null, io.env) === null) {
    return "overriding needs a token: --token, or better SLOGATE_TOKEN (api.auth.write of slogate.yaml)";
  }
  return null;
}

function toCall(options: OverrideOptions, io: CliIo): { path: string; call: ApiCall } {
  const path = `/v1/overrides/${encodeURIComponent(options.slo)}`;
  const token = apiToken(options.token ?? null, io.env);
  const author = options.author || userName(io);
  if (options.clear === true) {
    const query = `?author=${encodeURIComponent(author)}`;
    return { path: `${path}${query}`, call: { method: "DELETE", token } };
  }
  const state = options.open === true ? "open" : "closed";
  // A length and not a time: this machine's clock may differ from the engine's.
  const length = sentLength(options.for ?? "");
  const body = { state, for: length, reason: options.reason?.trim(), author };
  return { path, call: { method: "POST", token, body } };
}

/** The API knows no weeks. */
function sentLength(typed: string): string {
  const length = parseFixedDuration(typed);
  return "ms" in length ? formatDuration(length.ms) : "";
}

function userName(io: CliIo): string {
  const named = io.env.USER || io.env.LOGNAME || io.env.USERNAME;
  if (named) return named;
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number without a name.
    return "unknown";
  }
}
