import { describe, expect, it } from "vitest";
import { runCampaign } from "../chaos/campaign.ts";
import { realPart } from "../support/real-part.ts";

describe("chaos", () => {
  it("loses nothing and counts nothing twice in six kills under load, per SLO and second", async () => {
    const report = await runCampaign({
      kills: 6,
      seed: 5,
      otelcol: realPart("otelcol"),
      longestLifeMs: 1_000,
      durability: "sync",
      workers: 1,
      say: () => undefined,
    });
    const { faults, difference, unexpected, ...rest } = report;
    console.info(JSON.stringify({ ...faults, ...difference, ...rest }));
    expect(difference).toMatchObject({ lost: 0, doubled: 0 });
    expect(unexpected).toEqual([]);
    expect(faults.killed + faults.killedBeforeAnswer).toBe(6);
    expect(faults.killedBeforeAnswer).toBeGreaterThan(0);
    expect(difference.compared).toBeGreaterThan(100);
    expect(rest.retries).toBeGreaterThan(0);
  }, 120_000);

  it("nor with receiver workers, when those are killed too", async () => {
    const report = await runCampaign({
      kills: 3,
      seed: 7,
      otelcol: realPart("otelcol"),
      longestLifeMs: 800,
      durability: "sync",
      workers: 2,
      say: () => undefined,
    });
    const { faults, difference, unexpected, ...rest } = report;
    console.info(JSON.stringify({ ...faults, ...difference, ...rest }));
    expect(difference).toMatchObject({ lost: 0, doubled: 0 });
    expect(unexpected).toEqual([]);
    expect(rest.orphans).toBe(0);
    expect(faults.workersKilled).toBeGreaterThan(2);
    expect(difference.compared).toBeGreaterThan(50);
    expect(rest.retries).toBeGreaterThan(0);
  }, 180_000);
});
