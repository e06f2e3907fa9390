import type { IncomingMessage, ServerResponse } from "node:http";
import type { DecisionMessage } from "../model/decision-message.ts";
import type { GateDecision } from "../model/gate.ts";
import { SECOND } from "../model/time.ts";
import type { GateReader } from "../ports/gate-reader.ts";
import { ApiError } from "./answer.ts";
import { allInWords } from "./in-words.ts";

export interface EventStreamSettings {
  readonly reader: Pick<GateReader, "names" | "inParts" | "watch">;
  readonly message: (decision: GateDecision) => DecisionMessage;
  /** Silence after which a comment is sent, so that proxies keep the connection. Default 15 s. */
  readonly heartbeatMs?: number;
  /** Unsent bytes beyond a snapshot at which a client is dropped. Default 1 MiB. */
  readonly mostPendingBytes?: number;
  /** Default 500. */
  readonly mostClients?: number;
}

interface Client {
  readonly response: ServerResponse;
  /** Null: all. */
  readonly slos: ReadonlySet<string> | null;
  /** What may wait unsent: the limit and, until they have gone, snapshots. */
  mostPendingBytes: number;
  /** What was decided while its snapshot is being put together, and follows it; null when none is. */
  waiting: string[] | null;
}

/** Server-sent events to any number of readers; each decision is put into words once for all of them. */
export interface EventStream {
  /**
   * Answers with `event: snapshot` (`{"data": [decision, ...]}`), then `event: decision` per transition and
   * refresh, and a new snapshot when SLOs were removed. A client that does not read is dropped: its reconnect brings it a new snapshot.
   *
   * @throws ApiError 503 when there are too many clients
   */
  serve(request: IncomingMessage, response: ServerResponse, slos: readonly string[]): void;
  /** Ends all streams. */
  close(): void;
}

/** Browsers wait this long before they connect again. */
const RECONNECT_MS = 2 * SECOND;

export function eventStream(settings: EventStreamSettings): EventStream {
  const { reader, message } = settings;
  const mostPendingBytes = settings.mostPendingBytes ?? 1024 * 1024;
  const clients = new Set<Client>();
  /** Set while there is a client; without one the engine need not call. */
  let stop: (() => void) | null = null;
  let snapshots: Promise<void> = Promise.resolve();

  const push = (client: Client, text: string): void => {
    if (client.waiting !== null) {
      client.waiting.push(text);
      return;
    }
    client.response.write(text);
    if (client.response.writableLength > client.mostPendingBytes) client.response.destroy();
  };
  const sendSnapshots = async (to: readonly Client[], before: string): Promise<void> => {
    for (const client of to) client.waiting ??= [];
    const present = await allInWords(settings);
    for (const client of to) {
      if (!clients.has(client)) continue;
      const { slos, waiting } = client;
      const data = present.filter(({ slo }) => slos === null || slos.has(slo));
      const text = before + snapshotFrame(data.map(({ json }) => json));
      // However large it is, a snapshot alone is no reason to drop whoever reads it.
      client.mostPendingBytes += Buffer.byteLength(text);
      client.waiting = null;
      push(client, text);
      for (const later of waiting ?? []) push(client, later);
    }
  };
  /** One after the other: a snapshot must not be older than what was sent before it. */
  const queueSnapshots = (to: readonly Client[], before: string): void => {
    for (const client of to) client.waiting ??= [];
    snapshots = snapshots
      .then(() => sendSnapshots(to, before))
      .catch(() => {
        // Without its snapshot a stream is of no use; readers connect again.
        for (const client of to) client.response.destroy();
      });
  };
  const onDecisions = (decisions: readonly GateDecision[]): void => {
    try {
      pushAll(decisions);
    } catch (cause) {
      // A stream that misses a decision would look alive: readers connect again, and get a new snapshot.
      for (const client of [...clients]) {
        client.response.destroy();
        leave(client);
      }
      throw cause;
    }
  };
  const pushAll = (decisions: readonly GateDecision[]): void => {
    const frames = decisions.map((d) => frame(message(d)));
    const all = frames.join("");
    for (const client of clients) {
      const { slos } = client;
      const text =
        slos === null ? all : frames.filter((_, i) => slos.has(decisions[i]?.slo ?? "")).join("");
      if (text !== "") push(client, text);
    }
  };
  const begin = (): (() => void) => {
    const unwatch = reader.watch(onDecisions);
    let names = reader.names();
    const beat = (): void => {
      const left = new Set(reader.names());
      // No decision tells that an SLO was removed: readers learn it from a snapshot without it.
      const isRemoved = names.some((name) => !left.has(name));
      names = [...left];
      if (isRemoved) queueSnapshots([...clients], "");
      else for (const client of clients) push(client, ": still here\n\n");
    };
    const heartbeat = setInterval(beat, settings.heartbeatMs ?? 15 * SECOND);
    return () => {
      clearInterval(heartbeat);
      unwatch();
    };
  };
  const leave = (client: Client): void => {
    if (!clients.delete(client) || clients.size > 0) return;
    stop?.();
    stop = null;
  };

  return {
    serve(request, response, slos) {
      if (clients.size >= (settings.mostClients ?? 500)) {
        throw new ApiError(503, "too-many-clients", "too many event streams are open", {
          headers: { "retry-after": "10" },
        });
      }
      response.writeHead(200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        // nginx would otherwise hold events back until its buffer is full.
        "x-accel-buffering": "no",
      });
      if (request.method === "HEAD") {
        response.end();
        return;
      }
      const wanted = slos.length === 0 ? null : new Set(slos);
      const client: Client = { response, slos: wanted, mostPendingBytes, waiting: null };
      clients.add(client);
      stop ??= begin();
      response.on("close", () => leave(client));
      // A reader that vanishes is no fault of ours; "close" follows.
      response.on("error", () => {});
      response.on("drain", () => {
        client.mostPendingBytes = mostPendingBytes;
      });
      queueSnapshots([client], `retry: ${RECONNECT_MS}\n`);
    },
    close() {
      for (const client of [...clients]) {
        client.response.end();
        leave(client);
      }
    },
  };
}

function frame(d: DecisionMessage): string {
  // encodeURIComponent: an id must not hold a line break, whatever the SLO is called.
  const id = `${encodeURIComponent(d.slo)}/${d.epoch}/${d.sequence}/${d.decidedAt ?? ""}`;
  return `id: ${id}\nevent: decision\ndata: ${JSON.stringify(d)}\n\n`;
}

function snapshotFrame(data: readonly string[]): string {
  return `id: snapshot\nevent: snapshot\ndata: {"data":[${data.join(",")}]}\n\n`;
}
