import type { Socket } from "node:net";
import { SECOND } from "../model/time.ts";

/** Beyond so many unsent bytes of all connections together there is less patience with those that do not read. */
const MOST_UNSENT_BYTES = 256 * 1024 * 1024;
const LOOKS_PER_PATIENCE = 30;
const LOOKS_WHEN_FULL = 2;

export interface ReadingSettings {
  /** How long an answer may lie unread; default 30 s. */
  readonly patienceMs?: number;
  /** Default 256 MiB. */
  readonly mostUnsentBytes?: number;
}

interface Progress {
  /** Bytes that had left the process when it was last looked at. */
  sentBytes: number;
  /** Looks since then at which nothing more had, while something waited. */
  idleLooks: number;
}

/**
 * Closes connections whose reader has gone to sleep: bytes wait to be sent, and none has left for the time of patience, or
 * for a fifteenth of it while more bytes wait in all than there should be. A slow reader that goes on reading is left alone.
 */
export class ReadingWatch {
  private readonly sockets: ReadonlyMap<Socket, unknown>;
  private readonly progress = new WeakMap<Socket, Progress>();
  private readonly timer: NodeJS.Timeout;
  private readonly mostUnsentBytes: number;

  constructor(
    sockets: ReadonlyMap<Socket, unknown>,
    { patienceMs = 30 * SECOND, mostUnsentBytes = MOST_UNSENT_BYTES }: ReadingSettings,
  ) {
    this.sockets = sockets;
    this.mostUnsentBytes = mostUnsentBytes;
    this.timer = setInterval(() => this.look(), patienceMs / LOOKS_PER_PATIENCE);
    this.timer.unref();
  }

  close(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    let unsentBytes = 0;
    for (const socket of this.sockets.keys()) unsentBytes += socket.writableLength;
    const patience = unsentBytes > this.mostUnsentBytes ? LOOKS_WHEN_FULL : LOOKS_PER_PATIENCE;
    for (const socket of this.sockets.keys()) {
      const sent = sentBytes(socket);
      const last = this.progress.get(socket);
      if (last === undefined) this.progress.set(socket, { sentBytes: sent, idleLooks: 0 });
      else {
        last.idleLooks =
          socket.writableLength > 0 && sent <= last.sentBytes ? last.idleLooks + 1 : 0;
        last.sentBytes = sent;
        if (last.idleLooks >= patience) socket.destroy();
      }
    }
  }
}

interface Handle {
  readonly bytesWritten?: number;
  readonly writeQueueSize?: number;
  /** Of TLS: the connection below, which alone knows of parts of a write. */
  readonly _parent?: Handle;
}

/**
 * Bytes that the operating system has taken. Node tells a stream's length only in whole writes, and an answer is one: how
 * far it has come is known to the handle below, whose fields have no public name. Without them only whole writes count.
 */
function sentBytes(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: Handle | null };
  const { bytesWritten, writeQueueSize } = handle?._parent ?? handle ?? {};
  if (bytesWritten === undefined || writeQueueSize === undefined) {
    return socket.bytesWritten - socket.writableLength;
  }
  return bytesWritten - writeQueueSize;
}
