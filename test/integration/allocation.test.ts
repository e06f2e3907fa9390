import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runProcess } from "../support/child-process.ts";

const LOOP = fileURLToPath(new URL("../support/ingest-loop.ts", import.meta.url));
const WARM_UP_REQUESTS = 1_000;
const REQUESTS = 3_000;
/**
 * Collections of a young generation of 1 MB while three million spans are counted. One object a span would be some 50 MB
 * and as many collections; what a request allocates (a view, closures) is 1 or 2 KB.
 */
const MOST_SCAVENGES = 12;

// Now and then a function is compiled late, and its numbers are objects until then: it may try again.
it("counts three million spans without an object per span", {
  timeout: 120_000,
  retry: 2,
}, async () => {
  const { code, stdout, stderr } = await runProcess(
    process.execPath,
    ["--trace-gc", "--max-semi-space-size=1", LOOP, String(WARM_UP_REQUESTS), String(REQUESTS)],
    { timeoutMs: 100_000 },
  );
  expect(code, stderr).toBe(0);
  // 1,000 spans, 250 of them sampled one in two.
  expect(stdout).toContain("DONE 1250");
  const warm = stdout.indexOf("WARM");
  expect(warm).toBeGreaterThan(0);
  // Reading the code and encoding the request allocated: the trace is there and counts.
  expect(stdout.slice(0, warm)).toMatch(/Scavenge|Minor/);
  const scavenges = stdout.slice(warm).match(/: (?:Scavenge|Minor|Mark-Compact)/g) ?? [];
  expect(scavenges.length).toBeLessThanOrEqual(MOST_SCAVENGES);
});
