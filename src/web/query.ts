import { ApiError } from "./answer.ts";
import { nearest } from "./nearest.ts";

/**
 * An unknown parameter is a question that was not understood: answering another one, such as for the whole SLO instead of one
 * version, would be a wrong answer that looks right.
 *
 * @param known the route's parameters
 * @throws ApiError 400, which names what is known
 */
export function requireKnownParameters(query: URLSearchParams, known: readonly string[]): void {
  const unknown = [...query.keys()].find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const near = nearest(unknown, known);
  const found = JSON.stringify(unknown.slice(0, 128));
  const hint =
    known.length === 0
      ? "this address takes no parameters"
      : `${near === null ? "" : `did you mean ${JSON.stringify(near)}? `}known: ${known.join(", ")}`;
  throw new ApiError(400, "unknown-parameter", `no parameter is named ${found} here; ${hint}`, {
    fields: { nearest: near, known },
  });
}
