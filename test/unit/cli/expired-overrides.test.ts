import { describe, expect, it } from "vitest";
import { logsExpiredOverrides } from "../../../src/cli/expired-overrides.ts";
import type { Override } from "../../../src/model/gate.ts";
import type { ChangeLog } from "../../../src/ports/change-log.ts";

const override = (slo: string, expiresAt: number): Override => ({
  slo,
  state: "open",
  author: "ann",
  reason: "drill",
  createdAt: 0,
  expiresAt,
});

function rig(leads: boolean, stored: readonly Override[] = []) {
  const passed: string[] = [];
  const logged: unknown[] = [];
  const next: ChangeLog = {
    ticked: (...tick) => passed.push(`tick ${tick.join(" ")}`),
    placed: (_, now) => passed.push(`placed ${now}`),
    overridden: (slo, set) => passed.push(`${slo} ${set?.expiresAt ?? "cleared"}`),
  };
  const log = { info() {}, error() {}, warn: (_: string, fields: unknown) => logged.push(fields) };
  const changes = logsExpiredOverrides(next, { leads, overrides: () => stored }, log);
  return { changes, passed, logged };
}

describe("the log of expired overrides", () => {
  it("says once that one has expired, not that one was cleared or set anew", () => {
    const { changes, logged } = rig(true, [override("stored", 20)]);
    changes.overridden("pay", override("pay", 10));
    changes.overridden("cleared", override("cleared", 10));
    changes.overridden("cleared", null);
    changes.overridden("longer", override("longer", 10));
    changes.overridden("longer", override("longer", 100));
    changes.ticked(9, 0, 0, 0);
    expect(logged).toEqual([]);
    for (const now of [10, 11, 20, 21]) changes.ticked(now, 0, 0, 0);
    expect(logged).toEqual([
      { slo: "pay", state: "open", author: "ann", reason: "drill" },
      { slo: "stored", state: "open", author: "ann", reason: "drill" },
    ]);
  });

  it("is silent on a replica that does not lead", () => {
    const { changes, logged } = rig(false, [override("pay", 10)]);
    changes.ticked(11, 0, 0, 0);
    expect(logged).toEqual([]);
  });

  it("passes everything on", () => {
    const { changes, passed } = rig(true);
    changes.ticked(1, 2, 3, 4);
    changes.placed([], 4);
    changes.overridden("pay", override("pay", 5));
    changes.overridden("pay", null);
    expect(passed).toEqual(["tick 1 2 3 4", "placed 4", "pay 5", "pay cleared"]);
  });
});
