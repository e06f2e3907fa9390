/** Where to listen. `text` is as written, for messages. */
export interface Endpoint {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  /** 0 to 65535; 0 lets the system choose. */
  readonly port: number;
  readonly text: string;
}

/** Reads `127.0.0.1:4317`, `localhost:4317`, `[::1]:4317`; null when it is none. */
export function parseEndpoint(text: string): Endpoint | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const port = Number(match[3]);
  if (port > 65_535) return null;
  return { host: match[1] ?? match[2] ?? "", port, text };
}

/** Whether only this machine can reach it. A name other than localhost may resolve to anything. */
export function isLoopback({ host }: Endpoint): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** What to write instead, for the usual slips. */
export function endpointHint(text: string): string {
  if (/^https?:\/\//.test(text)) return " (without http://)";
  if (/^:\d+$/.test(text))
    return ` (0.0.0.0${text} is every address, 127.0.0.1${text} this machine)`;
  if (/^\d+$/.test(text)) return ` (127.0.0.1:${text}?)`;
  if (/^[A-Za-z0-9.-]+$/.test(text)) return " (the port is missing)";
  if (/^[0-9a-fA-F]*:[0-9a-fA-F:]*:\d+$/.test(text))
    return " (IPv6 addresses need brackets: [::1]:4317)";
  return "";
}
