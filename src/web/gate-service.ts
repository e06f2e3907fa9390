import { fileURLToPath } from "node:url";
import {
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { DecisionMessage } from "../model/decision-message.ts";

/** From src/web and from dist/web alike. */
const PROTO = fileURLToPath(new URL("../../proto/slogate/v1/gate.proto", import.meta.url));

/** The client of `slogate.v1.GateService`; its `service` is what a server implements. */
export function loadGateService(): ServiceClientConstructor & {
  readonly service: ServiceDefinition;
} {
  // Without defaults an optional field that was not sent is undefined at the reader, never 0.
  const loaded = loadPackageDefinition(loadSync(PROTO, { longs: Number, arrays: true }));
  const v1 = (loaded.slogate as GrpcObject).v1 as GrpcObject;
  return v1.GateService as ServiceClientConstructor;
}

/** `slogate.v1.Decision`: the published form, whose nulls are fields that are not set. */
export function decisionProto(d: DecisionMessage): Readonly<Record<string, unknown>> {
  return {
    ...d,
    burn: Object.fromEntries(Object.entries(d.burn).map(([label, rate]) => [label, { rate }])),
    forecast: { ...d.forecast, at: d.forecast.at ?? {} },
  };
}
