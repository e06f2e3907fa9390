import { describe, expect, it } from "vitest";
import type { GateDecision } from "../../../src/model/gate.ts";
import { newReceiverCounters } from "../../../src/ports/metrics.ts";
import { createMetrics } from "../../../src/telemetry/metrics.ts";
import { decision, open } from "../../support/decisions.ts";
import { waitFor } from "../../support/wait.ts";

/** Each a part of its own. */
async function* each(decisions: readonly GateDecision[]) {
  for (const one of decisions) yield [one];
}

function engine(decisions: GateDecision[]) {
  const counters = newReceiverCounters();
  const metrics = createMetrics({
    counters,
    reader: { inParts: () => each(decisions) },
    version: "1.2.3",
    processMetrics: false,
  });
  const lines = async (accept?: string) => (await metrics.scrape(accept)).body.split("\n");
  return { counters, metrics, lines };
}

describe("gate metrics", () => {
  it("show every gate's state, burn and budget", async () => {
    const { lines } = engine([decision({ slo: "pay", service: "p" })]);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'slogate_gate_open{slo="pay",service="p"} 0',
        'slogate_gate_allowed{slo="pay",service="p"} 0',
        'slogate_gate_state{slo="pay",service="p",state="open"} 0',
        'slogate_gate_state{slo="pay",service="p",state="closed"} 1',
        'slogate_gate_state{slo="pay",service="p",state="unknown"} 0',
        'slogate_burn_rate{slo="pay",service="p",window="5m"} 41.2',
        'slogate_error_budget_remaining_ratio{slo="pay",service="p"} 0.71',
        'slogate_decision_sequence{slo="pay",service="p"} 17',
      ]),
    );
  });

  it("never show an unknown gate as open, even when it lets rollouts pass", async () => {
    const { lines } = engine([open("a", { state: "unknown", reason: "stale", allowed: true })]);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'slogate_gate_open{slo="a",service="payment"} 0',
        'slogate_gate_allowed{slo="a",service="payment"} 1',
        'slogate_gate_state{slo="a",service="payment",state="unknown"} 1',
      ]),
    );
  });

  it("leave out what is not known instead of showing 0", async () => {
    const { metrics } = engine([
      open("a", { burn: { "5m": null }, budget: { ...decision().budget, remaining: null } }),
    ]);
    const { body } = await metrics.scrape();
    expect(body).not.toMatch(/^slogate_(burn_rate|error_budget_remaining_ratio)\{/m);
  });

  it("forget a removed SLO at the next scrape", async () => {
    const decisions = [open("a"), open("b")];
    const { metrics } = engine(decisions);
    expect((await metrics.scrape()).body).toContain('slo="b"');
    decisions.pop();
    const { body } = await metrics.scrape();
    expect(body).not.toContain('slo="b"');
    expect(body).toContain('slo="a"');
  });

  it("are put into words once for all who ask meanwhile, whatever the format, and anew for the next", async () => {
    const asked: (() => void)[] = [];
    async function* held() {
      await new Promise<void>((resolve) => asked.push(resolve));
      yield [open("a", { sequence: asked.length })];
    }
    const { scrape } = createMetrics({
      counters: newReceiverCounters(),
      reader: { inParts: held },
      version: "1.2.3",
      processMetrics: false,
    });
    const both = [scrape(), scrape("application/openmetrics-text; version=1.0.0")];
    await new Promise(setImmediate);
    both.push(scrape());
    await new Promise(setImmediate);
    expect(asked).toHaveLength(1);
    asked[0]?.();
    for (const { body } of await Promise.all(both)) {
      expect(body).toContain('slogate_decision_sequence{slo="a",service="payment"} 1\n');
    }
    const next = scrape();
    await waitFor(() => asked[1], { what: "the next one" });
    asked[1]?.();
    expect((await next).body).toContain('slogate_decision_sequence{slo="a",service="payment"} 2\n');
  });

  it("that cannot be read fail for those who asked, not for the next", async () => {
    let asked = 0;
    const { scrape } = createMetrics({
      counters: newReceiverCounters(),
      reader: {
        async *inParts() {
          if (++asked === 1) throw new Error("a defect");
          yield [open("a")];
        },
      },
      version: "1.2.3",
      processMetrics: false,
    });
    for (const one of [scrape(), scrape()]) await expect(one).rejects.toThrow("a defect");
    expect((await scrape()).body).toContain('slo="a"');
  });

  it("escape names", async () => {
    const { lines } = engine([open('a"\\\n')]);
    expect(await lines()).toContain('slogate_gate_open{slo="a\\"\\\\\\n",service="payment"} 1');
  });
});

describe("receiver metrics", () => {
  it("are read when scraped", async () => {
    const { counters, lines } = engine([]);
    expect(await lines()).toContain("slogate_receiver_accepted_requests_total 0");
    counters.requestsAccepted = 5;
    counters.requestsRefused.malformed = 2;
    counters.itemsRefused.future = 3;
    counters.late = 4;
    const after = await lines();
    expect(after).toEqual(
      expect.arrayContaining([
        "slogate_receiver_accepted_requests_total 5",
        'slogate_receiver_refused_requests_total{reason="malformed"} 2',
        'slogate_receiver_refused_requests_total{reason="overloaded"} 0',
        'slogate_receiver_refused_items_total{reason="future"} 3',
        "slogate_receiver_late_items_total 4",
      ]),
    );
  });
});

describe("engine metrics", () => {
  it("count decisions by sink and outcome, and time what was offered", async () => {
    const { metrics, lines } = engine([]);
    metrics.observePublish("kafka", "sent", 3, 0.02);
    metrics.observePublish("kafka", "dropped", 2, 0);
    metrics.observeTick(0.002, -0.001);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'slogate_sink_decisions_total{sink="kafka",outcome="sent"} 3',
        'slogate_sink_decisions_total{sink="kafka",outcome="dropped"} 2',
        'slogate_sink_publish_duration_seconds_count{sink="kafka",outcome="sent"} 1',
        "slogate_tick_duration_seconds_sum 0.002",
        "slogate_tick_lag_seconds_sum 0",
        'slogate_build_info{version="1.2.3"} 1',
      ]),
    );
  });
});

describe("the outbox on /metrics", () => {
  const withOutbox = async (outbox: () => number | null) => {
    const settings = { counters: newReceiverCounters(), version: "1", processMetrics: false };
    const reader = { inParts: () => each([]) };
    return (await createMetrics({ ...settings, reader, outbox }).scrape()).body;
  };

  it("tells how many transitions wait for Kafka", async () => {
    expect(await withOutbox(() => 17)).toMatch(/^slogate_outbox_transitions 17$/m);
  });

  it("is left out where there is none", async () => {
    expect(await withOutbox(() => null)).not.toContain("slogate_outbox");
  });
});

describe("the format of /metrics", () => {
  const openMetrics = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.1";

  it("is OpenMetrics when asked for, without spoiling the text format of the next scrape", async () => {
    const { metrics } = engine([decision()]);
    const om = await metrics.scrape(openMetrics);
    expect(om.contentType).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    expect(om.body).toMatch(/^# TYPE slogate_receiver_accepted_requests counter$/m);
    expect(om.body).toMatch(/^slogate_receiver_accepted_requests_total 0$/m);
    expect(om.body).not.toContain("\n\n");
    expect(om.body.endsWith("\n# EOF\n")).toBe(true);

    const text = await metrics.scrape("text/plain");
    expect(text.contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(text.body).toMatch(/^# TYPE slogate_receiver_accepted_requests_total counter$/m);
    expect(text.body).not.toContain("# EOF");
  });

  it.each([undefined, "*/*", "application/openmetrics-text;q=0"])(
    "is the text format for Accept: %s",
    async (accept) => {
      const { contentType } = await engine([]).metrics.scrape(accept);
      expect(contentType).toMatch(/^text\/plain/);
    },
  );

  it("gives every sample a family that was announced, in both formats", async () => {
    const { metrics } = engine([decision()]);
    metrics.observeTick(0.1, 0.1);
    for (const accept of [undefined, openMetrics]) {
      const { body } = await metrics.scrape(accept);
      const families = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
      expect(new Set(families.map(([, name]) => name)).size).toBe(families.length);
      const samples = body.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
      expect(samples.length).toBeGreaterThan(30);
      for (const sample of samples) {
        const name = sample.replace(/[{ ].*$/, "");
        const bases = [name, name.replace(/_(total|bucket|sum|count)$/, "")];
        expect(families.some(([, family]) => bases.includes(family ?? ""))).toBe(true);
      }
    }
  });

  it("includes the process in both formats", async () => {
    const metrics = createMetrics({
      counters: newReceiverCounters(),
      reader: { inParts: () => each([]) },
      version: "1",
    });
    expect((await metrics.scrape()).body).toMatch(/^process_cpu_seconds_total \d/m);
    expect((await metrics.scrape(openMetrics)).body).toMatch(
      /^# TYPE process_cpu_seconds counter$/m,
    );
  });
});
