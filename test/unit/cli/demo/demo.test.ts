import { expect, it } from "vitest";
import { demo } from "../../../../src/cli/demo/demo.ts";
import { captureIo, unreadAfter } from "../../../support/cli-io.ts";

const NEVER = new Promise<string>(() => {});

it("the demo ends, and well, at the first line that nobody reads", {
  timeout: 60_000,
}, async () => {
  const { io, err } = captureIo();
  const { stdout, out } = unreadAfter(1);
  // Otherwise it would go on for ever.
  const options = { keep: true, version: "0.0.0" };
  expect(await demo(options, { ...io, stdout }, NEVER)).toBe(0);
  expect([out().split("\n").length - 1, err()]).toEqual([1, ""]);
});
