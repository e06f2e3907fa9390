import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decisionId,
  decisionJson,
  decisionMessage,
  rfc3339,
} from "../../../src/publish/message.ts";
import { parseDecision } from "../../../src/publish/parse.ts";
import { AT, decision } from "../../support/decisions.ts";

describe("decisionJson", () => {
  it("writes the published form of a complete decision", () => {
    expect(JSON.parse(decisionJson(decision()))).toEqual({
      slo: "payment-availability",
      service: "payment",
      state: "closed",
      allowed: false,
      reason: "fast-burn",
      message: "burn rate 41.2 over 5m and 15.9 over 1h",
      since: "2026-05-04T10:00:07Z",
      decidedAt: "2026-05-04T10:00:37Z",
      validUntil: "2026-05-04T10:01:37Z",
      sequence: 17,
      epoch: 3,
      mode: "enforce",
      evidence: { since: "2026-05-04T09:59:40Z", nats: 23.1, alternative: 20 },
      burn: { "5m": 41.2, "1h": 15.9, "30m": 20.1, "6h": null },
      budget: {
        objective: 0.999,
        period: "28d",
        basis: "observed",
        total: 1204400,
        bad: 349,
        remaining: 0.71,
      },
      forecast: {
        at: {
          "1h": {
            burn: 40.1,
            lo80: 31,
            hi80: 52,
            lo95: 27,
            hi95: 61,
            calibration80: 0.81,
            widened: 1,
          },
          "24h": {
            burn: 12,
            lo80: 2,
            hi80: 50,
            lo95: 1,
            hi95: 80,
            calibration80: null,
            widened: 1.3,
          },
        },
        exhaustion: {
          expected: "2026-05-04T21:00:37Z",
          earliest: "2026-05-04T17:00:37Z",
          latest: null,
        },
      },
      versions: [
        {
          version: "1.4.2",
          state: "closed",
          total: 5210,
          bad: 190,
          budgetSpent: 0.153,
          suspect: true,
        },
        {
          version: "1.4.1",
          state: "open",
          total: 94210,
          bad: 3,
          budgetSpent: null,
          suspect: false,
        },
      ],
      reopen: { expected: "2026-05-04T11:20:37Z" },
      override: null,
      data: { watermark: "2026-05-04T10:00:36Z", coverage: 1 },
    });
  });

  it("writes null for everything that is not known yet", () => {
    const d = decisionMessage(
      decision({
        evidence: null,
        burn: { "5m": null },
        forecast: { at: null, exhaustion: null },
        reopen: null,
        data: { watermark: null, coverage: 0 },
      }),
    );
    expect(d).toMatchObject({
      evidence: null,
      burn: { "5m": null },
      forecast: { at: null, exhaustion: null },
      reopen: null,
      data: { watermark: null, coverage: 0 },
    });
  });

  it("names who overrode the gate, why and until when", () => {
    const override = {
      slo: "payment-availability",
      state: "open",
      author: "ana",
      reason: "fix for #12",
      createdAt: AT,
      expiresAt: AT + 7_200_000,
    } as const;
    expect(decisionMessage(decision({ override })).override).toEqual({
      state: "open",
      author: "ana",
      reason: "fix for #12",
      createdAt: "2026-05-04T10:00:37Z",
      expiresAt: "2026-05-04T12:00:37Z",
    });
  });

  it("shows estimates with six digits and counts exactly", () => {
    const d = decisionMessage(
      decision({
        burn: { "5m": 14.399999999999986 },
        budget: { ...decision().budget, total: 123_456_789.00390625 },
      }),
    );
    expect(d.burn).toEqual({ "5m": 14.4 });
    expect(d.budget.total).toBe(123_456_789.00390625);
  });

  it("never lets a number out that JSON cannot say, whatever comes in", () => {
    const any = fc.double();
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        const d = decision({
          burn: { "5m": a },
          budget: { ...decision().budget, remaining: b },
          evidence: { since: c, nats: a, alternative: b },
          since: c,
        });
        const message = decisionMessage(d);
        // JSON.stringify would turn NaN into null behind our back: then the two would differ.
        expect(JSON.parse(JSON.stringify(message))).toEqual(JSON.parse(decisionJson(d)));
        expect(parseDecision(JSON.stringify(message))).toHaveProperty("decision");
        for (const value of [message.burn["5m"], message.budget.remaining, message.evidence?.nats])
          expect(value === null || Number.isFinite(value)).toBe(true);
      }),
    );
  });
});

describe("rfc3339", () => {
  it("cuts fractions of a second and never rounds up", () => {
    expect(rfc3339(AT + 999)).toBe("2026-05-04T10:00:37Z");
  });

  it("is null for what is no date", () => {
    expect([null, Number.NaN, Infinity, -Infinity, 8.64e15 + 1].map(rfc3339)).toEqual(
      Array(5).fill(null),
    );
  });
});

describe("decisionId", () => {
  it("tells a refresh from the transition before it", () => {
    expect(decisionId(decision())).toBe("payment-availability/3/17/2026-05-04T10:00:37Z");
    expect(decisionId(decision({ decidedAt: AT + 1000 }))).not.toBe(decisionId(decision()));
  });
});
