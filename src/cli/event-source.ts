import type { DurationMs } from "../model/time.ts";

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/**
 * Server-sent events of a response, until it ends. Comments keep it alive and are not passed on.
 *
 * @param silenceMs without a byte for so long the connection counts as dead
 * @throws when the connection breaks or stays silent
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* serverEvents(
  response: Response,
  silenceMs: DurationMs,
): AsyncGenerator<ServerEvent> {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), silenceMs);
      if (done) return;
      const frames = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = frames.pop() ?? "";
      for (const frame of frames) {
        const event = parseFrame(frame);
        if (event !== null) yield event;
      }
    }
  } finally {
    // The connection may be broken already; there is nobody left to tell.
    reader.cancel().catch(() => {});
  }
}

function parseFrame(frame: string): ServerEvent | null {
  let event = "message";
  const data: string[] = [];
  for (const line of frame.split("\n")) {
    const [, field, value] = /^(event|data): ?(.*)$/s.exec(line) ?? [];
    if (field === "event") event = value ?? "";
    else if (field === "data") data.push(value ?? "");
  }
  return data.length === 0 ? null : { event, data: data.join("\n") };
}

async function within<T>(work: Promise<T>, ms: DurationMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no sign of life for ${ms} ms`)), ms);
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
