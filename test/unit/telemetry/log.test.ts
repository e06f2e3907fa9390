import { describe, expect, it } from "vitest";
import { EngineError } from "../../../src/model/errors.ts";
import { createLog, type LogSettings } from "../../../src/telemetry/log.ts";

function collect(over: Partial<LogSettings> = {}) {
  const lines: string[] = [];
  const log = createLog({
    write: (line) => lines.push(line),
    isTTY: false,
    now: () => Date.parse("2026-05-04T10:00:07.250Z"),
    colour: false,
    ...over,
  });
  return { log, lines };
}

describe("the log in a pipe", () => {
  it("writes one line of JSON per message", () => {
    const { log, lines } = collect();
    log.info("listening", { port: 4317 });
    expect(lines).toEqual([
      '{"time":"2026-05-04T10:00:07.250Z","level":"info","message":"listening","port":4317}\n',
    ]);
  });

  it("tells an error with its code and causes", () => {
    const { log, lines } = collect();
    const error = new EngineError("SINK_UNAVAILABLE", "kafka: no broker", {
      cause: new Error("connection refused"),
    });
    log.error("sink failed", { error });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      error: "SINK_UNAVAILABLE: kafka: no broker: connection refused",
    });
  });

  it("keeps the message when a field has its name", () => {
    const { log, lines } = collect();
    log.warn("a", { message: "b", level: "c" });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      message: "a",
      level: "warn",
      message_: "b",
      level_: "c",
    });
  });

  it("says the message even when a field cannot be printed", () => {
    const { log, lines } = collect();
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    log.info("circular", { loop });
    log.info("odd values", { big: 10n, nan: Number.NaN });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ message: "circular" });
    expect(JSON.parse(lines[1] ?? "")).toMatchObject({ big: "10", nan: "NaN" });
  });
});

describe("the log on a terminal", () => {
  it("writes time, level, message and fields, quoting where needed", () => {
    const { log, lines } = collect({ isTTY: true });
    log.warn("sink failed", { sink: "kafka", why: "no broker", tries: 3, empty: "" });
    expect(lines).toEqual([
      '10:00:07 WARN  sink failed sink=kafka why="no broker" tries=3 empty=""\n',
    ]);
  });

  it("lets no control character through", () => {
    const { log, lines } = collect({ isTTY: true });
    log.info("a\u001b[2J\nb", { c: "d\u001b[0m" });
    expect(lines).toEqual(['10:00:07 INFO  a [2J b c="d\\u001b[0m"\n']);
  });

  it("colours the level when asked to", () => {
    const { log, lines } = collect({ isTTY: true, colour: true });
    log.error("x");
    expect(lines[0]).toContain("\u001b[31mERROR\u001b[0m");
  });
});

it("is quiet below its level", () => {
  const { log, lines } = collect({ level: "error" });
  log.info("a");
  log.warn("b");
  log.error("c");
  expect(lines).toHaveLength(1);
  const silent = collect({ level: "silent" });
  silent.log.error("d");
  expect(silent.lines).toEqual([]);
});
