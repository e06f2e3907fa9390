import protobuf from "protobufjs/minimal.js";
import { type SpanDescription, tracesRequest } from "../test/support/otlp.ts";

/** Share of requests that fail in the pre-encoded data. */
export const BAD_SHARE = 0.01;
export const SERVICES = ["frontend", "cart", "payment"] as const;

const ROUTES = ["/api/products/{id}", "/api/cart", "/api/checkout", "/api/recommendations"];
const AGENT = "shop-app/7.3 (Android 16; Pixel)";
/** Span ends are spread over this much time before the moment of sending, as a batch of a second would be. */
const SPREAD_NS = 900_000_000;
const DURATION_NS = 12_345_678;

/**
 * One encoded ExportTraceServiceRequest whose ids and times can be rewritten in place, so that every request sent is new
 * to the receiver at the price of four writes a span instead of an encoding.
 */
export class PatchableRequest {
  readonly bytes: Buffer;
  readonly spans: number;
  /** Bad spans among them, by the default span indicator. */
  readonly bad: number;
  /** Four offsets a span: trace id, span id, start and end time. */
  readonly #offsets: Uint32Array;

  private constructor(bytes: Buffer, offsets: Uint32Array, bad: number) {
    this.bytes = bytes;
    this.spans = offsets.length / 4;
    this.bad = bad;
    this.#offsets = offsets;
  }

  /** HTTP server spans of three services, about 430 bytes each, every hundredth a 503. */
  static encode(spans: number): PatchableRequest {
    return PatchableRequest.of(Array.from({ length: spans }, (_, i) => serverSpan(i, spans)));
  }

  static of(described: readonly SpanDescription[]): PatchableRequest {
    const bytes = Buffer.from(tracesRequest(described));
    const offsets = spanOffsets(bytes);
    if (offsets.length !== 4 * described.length) {
      throw new Error("unreachable: a span without ids or times");
    }
    const bad = described.filter((span) => span.status === "error").length;
    return new PatchableRequest(bytes, offsets, bad);
  }

  copy(): PatchableRequest {
    return new PatchableRequest(Buffer.from(this.bytes), this.#offsets, this.bad);
  }

  /**
   * Makes it the request of this number, ending up to 0.9 s before `nowUnixMs`.
   *
   * @param sender and `request` together must not have been used before, both uint32; `request` from 1 (an id of zeros
   *   is none)
   */
  patch(sender: number, request: number, nowUnixMs: number): void {
    const { bytes, spans } = this;
    const offsets = this.#offsets;
    const nowNs = BigInt(Math.floor(nowUnixMs)) * 1_000_000n - BigInt(SPREAD_NS + DURATION_NS);
    const baseHi = Number(nowNs >> 32n);
    const baseLo = Number(nowNs & 0xffffffffn);
    const stepNs = Math.floor(SPREAD_NS / spans);
    for (let i = 0; i < spans; i++) {
      const traceId = offsets[4 * i]!;
      const spanId = offsets[4 * i + 1]!;
      bytes.writeUInt32LE(request, traceId);
      bytes.writeUInt32LE(i, traceId + 4);
      bytes.writeUInt32LE(sender, traceId + 8);
      bytes.writeUInt32LE(request, spanId);
      bytes.writeUInt32LE(i, spanId + 4);
      const start = baseLo + i * stepNs;
      writeNanos(bytes, offsets[4 * i + 2]!, baseHi, start);
      writeNanos(bytes, offsets[4 * i + 3]!, baseHi, start + DURATION_NS);
    }
  }
}

function serverSpan(i: number, spans: number): SpanDescription {
  const route = ROUTES[i % ROUTES.length]!;
  // Resources come one after the other, as the Collector's batch processor has them.
  const service = SERVICES[Math.floor((i * SERVICES.length) / spans)]!;
  const isBad = i % Math.round(1 / BAD_SHARE) === 7;
  return {
    service,
    version: "1.4.2",
    name: `GET ${route}`,
    kind: "server",
    status: isBad ? "error" : "unset",
    attributes: {
      "http.request.method": "GET",
      "http.route": route,
      "http.response.status_code": isBad ? 503 : 200,
      "url.scheme": "https",
      "url.path": route.replace("{id}", String(10_000 + (i % 977))),
      "server.address": `${service}.shop.svc`,
      "server.port": 8443,
      "client.address": `10.3.${i % 200}.${(i * 7) % 250}`,
      "network.protocol.version": "1.1",
      "user_agent.original": AGENT,
    },
  };
}

/** ns may exceed 32 bits by a carry or two. */
export function writeNanos(bytes: Buffer, at: number, hi: number, ns: number): void {
  const carry = Math.floor(ns / 0x1_0000_0000);
  bytes.writeUInt32LE(ns - carry * 0x1_0000_0000, at);
  bytes.writeUInt32LE(hi + carry, at + 4);
}

/** Notes where trace_id, span_id and the times of each span stand. */
function spanOffsets(bytes: Buffer): Uint32Array {
  const offsets: number[] = [];
  // resource_spans > scope_spans > spans
  eachMessage(bytes, [1, 2, 2], (reader, end) => {
    const at: [number, number, number, number] = [0, 0, 0, 0];
    while (reader.pos < end) {
      const tag = reader.uint32();
      const field = tag >>> 3;
      if (field === 1 || field === 2) {
        const length = reader.uint32();
        at[field - 1] = reader.pos;
        reader.skip(length);
      } else {
        if (field === 7 || field === 8) at[field - 5] = reader.pos;
        reader.skipType(tag & 7);
      }
    }
    offsets.push(...at);
  });
  return Uint32Array.from(offsets);
}

/** Calls back for every message at the end of this path of field numbers; the reader stands at its first byte. */
export function eachMessage(
  bytes: Uint8Array,
  path: readonly number[],
  visit: (reader: protobuf.Reader, end: number) => void,
): void {
  const reader = protobuf.Reader.create(bytes);
  const descend = (depth: number, end: number): void => {
    if (depth === path.length) {
      visit(reader, end);
      return;
    }
    while (reader.pos < end) {
      const tag = reader.uint32();
      if (tag >>> 3 === path[depth]) descend(depth + 1, reader.uint32() + reader.pos);
      else reader.skipType(tag & 7);
    }
  };
  descend(0, bytes.length);
}
