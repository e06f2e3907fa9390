import { status as Grpc } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import type { RefusalCode } from "../../../src/model/refusal.ts";
import { retryAfterSeconds, statusOf } from "../../../src/receive/status.ts";

const of = (code: RefusalCode, retryAfterMs: number | null) =>
  statusOf({ code, message: "", retryAfterMs });

describe("the status of a refusal", () => {
  it.each<[RefusalCode, number | null, number, number]>([
    ["malformed", null, Grpc.INVALID_ARGUMENT, 400],
    ["too-large", null, Grpc.RESOURCE_EXHAUSTED, 413],
    ["unsupported-encoding", null, Grpc.UNIMPLEMENTED, 415],
    ["unsupported-content-type", null, Grpc.INVALID_ARGUMENT, 415],
    ["overloaded", 1000, Grpc.UNAVAILABLE, 503],
    ["shutting-down", 1000, Grpc.UNAVAILABLE, 503],
    ["state-unavailable", 1000, Grpc.UNAVAILABLE, 503],
  ])("%s (retry after %s) is gRPC %s and HTTP %s", (code, retryAfterMs, grpc, http) => {
    expect(of(code, retryAfterMs)).toEqual({ grpc, http });
  });

  it("is never one that senders retry when the refusal is final", () => {
    for (const code of ["overloaded", "shutting-down", "state-unavailable"] as const)
      expect(of(code, null)).toEqual({ grpc: Grpc.INTERNAL, http: 500 });
  });

  it("asks for whole seconds, never zero", () => {
    expect([0, 1, 1000, 1001, 90_000].map(retryAfterSeconds)).toEqual([1, 1, 1, 2, 90]);
  });
});
