import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { send } from "./answer.ts";

interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

const FILES: readonly (readonly [string, string, string])[] = [
  ["/", "index.html", "text/html; charset=utf-8"],
  ["/page.js", "page.js", "text/javascript; charset=utf-8"],
  ["/page.css", "page.css", "text/css; charset=utf-8"],
];

/** Everything from here, nothing from elsewhere, no inline script, not inside another page. */
const SECURITY = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  // Kept by browsers, but asked for again each time: the page must fit the engine that serves it.
  "cache-control": "no-cache",
};

/** Reads the page's files beside this module; a missing one is a broken installation and throws. */
export function loadPage(): ReadonlyMap<string, PageFile> {
  return new Map(
    FILES.map(([path, file, type]) => [
      path,
      { type, body: readFileSync(new URL(`./page/${file}`, import.meta.url)) },
    ]),
  );
}

export function sendPageFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: PageFile,
): void {
  send(request, response, 200, { ...SECURITY, "content-type": file.type }, file.body);
}
