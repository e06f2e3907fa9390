import { EngineError } from "./errors.ts";

/** The error for an address that cannot be listened on: which key, why, and what to do. */
export function addressUnavailable(
  key: string,
  { host, port }: { readonly host: string; readonly port: number },
  cause: unknown,
): EngineError {
  const why = cause instanceof Error ? cause.message : String(cause);
  let advice = "use an address of this machine";
  if (why.includes("EADDRINUSE"))
    advice = `stop the program that listens there, or choose another port in ${key}.endpoint`;
  else if (why.includes("EACCES"))
    advice = "use a port above 1023, or run with the right to bind it";
  const message = `${key}.endpoint: cannot listen on ${hostPort(host, port)} (${why}); ${advice}`;
  return new EngineError("ADDRESS_UNAVAILABLE", message, { cause });
}

export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
