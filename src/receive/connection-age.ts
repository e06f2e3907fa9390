import type { Socket } from "node:net";
import type { ServerOptions } from "@grpc/grpc-js";

/** Calls of a connection that is too old are given this time to be finished. */
const GRACE_MS = 30_000;
/** Connections that were opened together shall not all be opened anew together; grpc-js does the same. */
const JITTER = 0.1;

/**
 * A gRPC connection that is too old is closed by GOAWAY: calls in flight are answered, and what the client sent before it
 * knew is refused as not looked at, which every gRPC client sends again by itself.
 */
export function ageOptions(maxMs: number | null): ServerOptions {
  if (maxMs === null) return {};
  return {
    "grpc.max_connection_age_ms": maxMs,
    "grpc.max_connection_age_grace_ms": GRACE_MS,
  };
}

/** How old the connections of an HTTP/1 server are, from their first request on. */
export class ConnectionAges {
  private readonly maxMs: number;
  private readonly overAtMs = new WeakMap<Socket, number>();

  constructor(maxMs: number) {
    this.maxMs = maxMs;
  }

  /** Asked at each request: whether the connection is to be closed after it. */
  isOver(socket: Socket): boolean {
    const now = performance.now();
    const overAt = this.overAtMs.get(socket);
    if (overAt !== undefined) return now >= overAt;
    this.overAtMs.set(socket, now + this.maxMs * (1 - JITTER + 2 * JITTER * Math.random()));
    return false;
  }
}
