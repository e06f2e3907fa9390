import { randomBytes } from "node:crypto";
import type { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ShopCommand, VersionTraffic } from "./shop-messages.ts";

/** One finished span, as the serializer takes it. */
export type ShopSpan = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number];

/** A service of the shop before anything is rolled out. */
interface ServiceDescription {
  readonly name: string;
  readonly version: string;
  readonly route: string;
  /** Share of customers' requests that reach it. */
  readonly share: number;
  readonly typicalMs: number;
}

const SERVICES: readonly ServiceDescription[] = [
  { name: "frontend", version: "3.2.0", route: "POST /checkout", share: 1, typicalMs: 60 },
  { name: "cart", version: "2.0.5", route: "GET /cart/{id}", share: 0.8, typicalMs: 8 },
  { name: "payment", version: "1.4.1", route: "POST /payments", share: 0.5, typicalMs: 35 },
];

/** Even a healthy shop fails now and then: 1 in 5,000. */
const HEALTHY_ERROR_RATIO = 0.0002;

// OTLP's numbers less one, as the serializer's types count span kinds; and StatusCode.
const KIND_SERVER = 1;
const STATUS_UNSET = 0;
const STATUS_ERROR = 2;

/**
 * A small shop: every customer's request is a trace through the frontend and, by their shares, the cart and the
 * payment service. A failed payment is the payment service's error alone: the frontend offers to pay later.
 */
export class ShopTraffic {
  requests = 0;
  private readonly services = SERVICES.map((description) => new ShopService(description));

  /** Carries a rollout or rollback out; false when no service is named so. */
  apply(command: Exclude<ShopCommand, { stop: true }>): boolean {
    const name = "rollout" in command ? command.rollout.service : command.rollback.service;
    const service = this.services.find((candidate) => candidate.name === name);
    if (service === undefined) return false;
    if ("rollout" in command) {
      const { version, errorRatio, share = 1 } = command.rollout;
      service.rollOut(version, errorRatio, share);
    } else service.rollBack();
    return true;
  }

  /** The spans of one customer's request, which ends at `endUnixMs`. */
  request(endUnixMs: number): ShopSpan[] {
    this.requests++;
    const traceId = randomBytes(16).toString("hex");
    const spans: ShopSpan[] = [];
    for (const service of this.services) {
      if (service.isReached()) spans.push(service.serve(traceId, spans[0], endUnixMs));
    }
    return spans;
  }

  traffic(): VersionTraffic[] {
    return this.services.flatMap((service) => service.traffic());
  }
}

class ShopService {
  readonly name: string;
  private readonly description: ServiceDescription;
  private readonly reached: EvenShare;
  private readonly stable: ShopVersion;
  private readonly known = new Map<string, ShopVersion>();
  private candidate: { readonly version: ShopVersion; readonly takes: EvenShare } | null = null;

  constructor(description: ServiceDescription) {
    this.name = description.name;
    this.description = description;
    this.reached = new EvenShare(description.share);
    this.stable = this.version(description.version);
    this.stable.failing = new EvenShare(HEALTHY_ERROR_RATIO);
  }

  rollOut(name: string, errorRatio: number, share: number): void {
    const version = this.version(name);
    version.failing = new EvenShare(errorRatio);
    this.candidate = { version, takes: new EvenShare(share) };
  }

  rollBack(): void {
    this.candidate = null;
  }

  isReached(): boolean {
    return this.reached.next();
  }

  serve(traceId: string, parent: ShopSpan | undefined, endUnixMs: number): ShopSpan {
    const candidate = this.candidate;
    const version = candidate?.takes.next() === true ? candidate.version : this.stable;
    const isBad = version.failing.next();
    version.requests++;
    if (isBad) version.bad++;
    // Log-normal around the typical duration: now and then one is slow.
    const spread = Math.exp(0.4 * (Math.random() + Math.random() + Math.random() - 1.5));
    return serverSpan({
      resource: version.resource,
      route: this.description.route,
      traceId,
      parent,
      endUnixMs,
      durationMs: this.description.typicalMs * spread,
      isBad,
    });
  }

  traffic(): VersionTraffic[] {
    return [...this.known.values()].map(({ name, requests, bad }) => ({
      service: this.name,
      version: name,
      requests,
      bad,
    }));
  }

  private version(name: string): ShopVersion {
    const version = this.known.get(name) ?? new ShopVersion(this.name, name);
    this.known.set(name, version);
    return version;
  }
}

class ShopVersion {
  readonly name: string;
  /** One object per version: the serializer groups spans by it. */
  readonly resource: ShopSpan["resource"];
  failing = new EvenShare(0);
  requests = 0;
  bad = 0;

  constructor(service: string, name: string) {
    this.name = name;
    const attributes = { "service.name": service, "service.version": name };
    this.resource = {
      attributes,
      merge: () => this.resource,
      getRawAttributes: () => Object.entries(attributes),
    };
  }
}

/** Says yes to exactly this share of calls, evenly spread: a demo of half a minute has no time for luck to even out. */
class EvenShare {
  private readonly share: number;
  private owed = 0;

  constructor(share: number) {
    this.share = share;
  }

  next(): boolean {
    this.owed += this.share;
    // Ten times 0.1 is a little less than 1.
    if (this.owed < 1 - 1e-9) return false;
    this.owed -= 1;
    return true;
  }
}

interface SpanParts {
  readonly resource: ShopSpan["resource"];
  readonly route: string;
  readonly traceId: string;
  readonly parent: ShopSpan | undefined;
  readonly endUnixMs: number;
  readonly durationMs: number;
  readonly isBad: boolean;
}

function serverSpan(parts: SpanParts): ShopSpan {
  const { endUnixMs, durationMs, isBad, parent } = parts;
  const context = {
    traceId: parts.traceId,
    spanId: randomBytes(8).toString("hex"),
    traceFlags: 1,
  };
  const parentContext = parent?.spanContext();
  const [method = "", route = ""] = parts.route.split(" ");
  return {
    name: parts.route,
    kind: KIND_SERVER,
    spanContext: () => context,
    ...(parentContext === undefined ? {} : { parentSpanContext: parentContext }),
    startTime: hrTime(endUnixMs - durationMs),
    endTime: hrTime(endUnixMs),
    duration: hrTime(durationMs),
    status: { code: isBad ? STATUS_ERROR : STATUS_UNSET },
    attributes: {
      "http.request.method": method,
      "http.route": route,
      "http.response.status_code": isBad ? 500 : 200,
    },
    links: [],
    events: [],
    ended: true,
    resource: parts.resource,
    instrumentationScope: { name: "shop" },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Whole seconds and nanoseconds. */
function hrTime(ms: number): [number, number] {
  const micros = Math.round(ms * 1_000);
  const seconds = Math.floor(micros / 1_000_000);
  return [seconds, (micros - seconds * 1_000_000) * 1_000];
}
