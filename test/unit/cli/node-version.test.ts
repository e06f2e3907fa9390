import { describe, expect, it } from "vitest";
import { nodeProblem } from "../../../src/cli/node-version.ts";

describe("the Node that the program runs on", () => {
  it.each(["22.18.0", "22.19.0", "23.0.0", "24.21.0", "26.0.0-nightly20260101"])(
    "may be %s when 22.18 is wanted",
    (found) => expect(nodeProblem(found, ">=22.18")).toBeNull(),
  );

  it.each(["18.20.4", "20.20.2", "22.17.9", "22.9.0"])("may not be %s", (found) => {
    const problem = nodeProblem(found, ">=22.18");
    expect(problem).toContain(`this is Node ${found}, and slogate needs 22.18 or later`);
    expect(problem).toContain("npx node src/main.ts");
  });

  it("is compared to the last number", () => {
    expect(nodeProblem("22.18.1", ">= 22.18.2")).toContain("needs 22.18.2");
    expect(nodeProblem("22.18.2", ">= 22.18.2")).toBeNull();
  });
});
