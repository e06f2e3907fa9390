import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { describe, expect, it } from "vitest";
import { ShopTraffic } from "../../../../src/cli/demo/shop-traffic.ts";

function serve(shop: ShopTraffic, requests: number) {
  return Array.from({ length: requests }, () => shop.request(1_700_000_000_000)).flat();
}

function countsOf(shop: ShopTraffic, service: string) {
  return Object.fromEntries(
    shop
      .traffic()
      .filter((version) => version.service === service)
      .map(({ version, requests, bad }) => [version, [requests, bad]]),
  );
}

describe("the shop", () => {
  it("sends a server span for every service that a request reaches, in one trace", () => {
    const shop = new ShopTraffic();
    const spans = serve(shop, 1_000);
    // 1 000 at the frontend, 0.8 of them at the cart, 0.5 at the payment service
    expect(spans).toHaveLength(2_300);
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1_000);
    expect(new Set(spans.map((span) => span.spanContext().spanId)).size).toBe(2_300);
  });

  it("counts what it has sent by service and version", () => {
    const shop = new ShopTraffic();
    const spans = serve(shop, 10_000);
    // One in 5 000 fails although all is well.
    expect(countsOf(shop, "frontend")).toEqual({ "3.2.0": [10_000, 2] });
    expect(countsOf(shop, "payment")).toEqual({ "1.4.1": [5_000, 1] });
    const bad = spans.filter((span) => span.status.code === 2);
    expect(bad).toHaveLength(2 + 1 + 1);
    for (const span of bad) expect(span.attributes["http.response.status_code"]).toBe(500);
  });

  it("gives a rolled-out version its share of requests and of errors, and takes it back", () => {
    const shop = new ShopTraffic();
    const rollout = { service: "payment", version: "1.4.2", errorRatio: 0.25, share: 0.5 };
    expect(shop.apply({ rollout })).toBe(true);
    const spans = serve(shop, 800);
    // Half of 400 payments, a quarter of which fail.
    expect(countsOf(shop, "payment")).toEqual({ "1.4.1": [200, 0], "1.4.2": [200, 50] });
    const versions = spans.map((span) => span.resource.attributes["service.version"]);
    expect(versions.filter((version) => version === "1.4.2")).toHaveLength(200);

    expect(shop.apply({ rollback: { service: "payment" } })).toBe(true);
    serve(shop, 800);
    expect(countsOf(shop, "payment")).toEqual({ "1.4.1": [600, 0], "1.4.2": [200, 50] });
  });

  it("gives a version everything when no share is named", () => {
    const shop = new ShopTraffic();
    shop.apply({ rollout: { service: "cart", version: "2.1.0", errorRatio: 0 } });
    serve(shop, 100);
    expect(countsOf(shop, "cart")).toEqual({ "2.0.5": [0, 0], "2.1.0": [80, 0] });
  });

  it("does not know a service that the shop does not have", () => {
    expect(new ShopTraffic().apply({ rollback: { service: "warehouse" } })).toBe(false);
  });

  it("makes spans that the OTLP serializer takes", () => {
    expect(
      ProtobufTraceSerializer.serializeRequest(serve(new ShopTraffic(), 10))?.length,
    ).toBeGreaterThan(1_000);
  });
});
