import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type ReadingSettings, ReadingWatch } from "./reading-watch.ts";

/** Requests that may wait on one connection, sent without reading the answers: hardly any client does that. */
const MOST_WAITING = 100;
/** On all connections together; each takes some kilobytes. */
const MOST_WAITING_IN_ALL = 10_000;

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

interface Line {
  isServing: boolean;
  readonly waiting: { readonly request: IncomingMessage; readonly response: ServerResponse }[];
}

/**
 * Serves the requests of one connection one at a time: the next begins when the answer before it has left the process. Node
 * would begin all at once and hold the answers, however many they are. A connection with too many waiting requests, or whose
 * answer is not read, is closed.
 */
export class Turns {
  private readonly handle: Handler;
  private readonly lines = new Map<Socket, Line>();
  private readonly reading: ReadingWatch;
  private waiting = 0;

  constructor(handle: Handler, reading: ReadingSettings = {}) {
    this.handle = handle;
    this.reading = new ReadingWatch(this.lines, reading);
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (socket.destroyed) return;
    const line = this.lines.get(socket) ?? this.begin(socket);
    if (!line.isServing) {
      this.serve(line, request, response);
    } else if (line.waiting.length >= MOST_WAITING || this.waiting >= MOST_WAITING_IN_ALL) {
      socket.destroy();
    } else {
      line.waiting.push({ request, response });
      this.waiting++;
    }
  }

  close(): void {
    this.reading.close();
  }

  private begin(socket: Socket): Line {
    const line: Line = { isServing: false, waiting: [] };
    this.lines.set(socket, line);
    socket.once("close", () => {
      this.lines.delete(socket);
      this.waiting -= line.waiting.length;
      line.waiting.length = 0;
    });
    return line;
  }

  private serve(line: Line, request: IncomingMessage, response: ServerResponse): void {
    line.isServing = true;
    // After the answer has been flushed, or with its connection.
    response.once("close", () => {
      line.isServing = false;
      if (request.socket.destroyed) return;
      const next = line.waiting.shift();
      if (next === undefined) return;
      this.waiting--;
      this.serve(line, next.request, next.response);
    });
    this.handle(request, response);
  }
}
