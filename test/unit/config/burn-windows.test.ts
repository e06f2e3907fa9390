import { expect, it } from "vitest";
import { defaultPairs } from "../../../src/config/burn-windows.ts";
import { DAY } from "../../../src/model/time.ts";

it("gives the SRE workbook's thresholds for 30 days, and their like for 28", () => {
  const of = (days: number) =>
    defaultPairs(days * DAY, 0.999).pairs.map(({ threshold }) => threshold.toFixed(2));
  // 0.02 x 720 h / 1 h; 0.05 x 720 / 6; 0.1 x 720 / 72
  expect(of(30)).toEqual(["14.40", "6.00", "1.00"]);
  // 0.02 x 672 h / 1 h; 0.05 x 672 / 6; 0.1 x 672 / 72
  expect(of(28)).toEqual(["13.44", "5.60", "0.93"]);
});
