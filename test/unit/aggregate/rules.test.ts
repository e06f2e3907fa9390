import { expect, it } from "vitest";
import { compileRules } from "../../../src/aggregate/rules.ts";
import { defaultIndicator } from "../../../src/config/default-indicator.ts";
import { sloOf } from "../../support/ingest-rig.ts";

function rulesOf(services: readonly string[]) {
  const slos = services.map((service) => sloOf(service, defaultIndicator(service)));
  const { spans } = compileRules(slos, (slo) => slos.indexOf(slo));
  const encoder = new TextEncoder();
  return services.map((service) => {
    const name = encoder.encode(service);
    const found = spans.find(name, 0, name.length);
    expect(found).toHaveLength(1);
    return found[0]!;
  });
}

it("compiles what several SLOs ask alike once for all of them, and the service of each for itself", () => {
  const [shop, cart] = rulesOf(["shop", "cart"]);
  expect(cart!.judge).toBe(shop!.judge);
  expect(cart!.total).toBe(shop!.total);
  expect(cart!.resource).not.toBe(shop!.resource);
});
