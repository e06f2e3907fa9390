import { request as httpRequest } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decisionMessage } from "../../../src/publish/message.ts";
import { type HttpApi, type HttpApiSettings, startHttpApi } from "../../../src/web/server.ts";
import { AT, decision, open } from "../../support/decisions.ts";
import { GateSource } from "../../support/gate-source.ts";

const TOKEN = "s3cret";
let source: GateSource;
let api: HttpApi;
let ready: { ok: boolean; message: string };
const logged: string[] = [];

async function start(over: Partial<HttpApiSettings> = {}): Promise<void> {
  api = await startHttpApi({
    endpoint: { host: "127.0.0.1", port: 0 },
    reader: source,
    overrides: source,
    readiness: { ready: () => ready },
    clock: { now: () => AT },
    log: {
      info: (m) => logged.push(m),
      warn: (m) => logged.push(m),
      error: (m) => logged.push(m),
    },
    message: decisionMessage,
    metrics: async (accept) => ({
      contentType: "text/plain; version=0.0.4",
      body: `# ${accept}\n`,
    }),
    readToken: null,
    writeToken: TOKEN,
    ...over,
  });
}

beforeEach(() => {
  source = new GateSource(open("cart"), decision({ slo: "pay" }), open("a b/c"));
  ready = { ok: true, message: "receiving" };
  logged.length = 0;
});
afterEach(() => api.close());

const call = (path: string, init?: RequestInit) => fetch(`${api.url}${path}`, init);
const json = async (path: string, init?: RequestInit) => {
  const response = await call(path, init);
  return { status: response.status, body: (await response.json()) as Answer, response };
};
interface Answer {
  data: unknown;
  error: { code: string; message: string; [key: string]: unknown };
}

describe("GET /v1/gates", () => {
  beforeEach(() => start());

  it("lists every present decision", async () => {
    const { status, body, response } = await json("/v1/gates");
    expect(status).toBe(200);
    expect(body.data).toEqual(source.list().map(decisionMessage));
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
  });

  it("answers 200 for a closed gate: the verdict is in the body", async () => {
    const { status, body } = await json("/v1/gates/pay");
    expect(status).toBe(200);
    expect(body.data).toEqual(decisionMessage(decision({ slo: "pay" })));
  });

  it("answers for one version when asked", async () => {
    source.byVersion.set("pay@1.4+1", decision({ slo: "pay", state: "open" }));
    expect((await json("/v1/gates/pay?version=1.4%2B1")).body.data).toMatchObject({
      state: "open",
    });
    expect((await json("/v1/gates/pay?version=")).body.data).toMatchObject({ state: "closed" });
  });

  it("takes names that need escapes", async () => {
    expect((await json("/v1/gates/a%20b%2Fc")).body.data).toMatchObject({ slo: "a b/c" });
    expect((await json("/v1/gates/%E0%A4%A")).status).toBe(400);
  });

  it("suggests the nearest name for an unknown SLO", async () => {
    const { status, body } = await json("/v1/gates/crat");
    expect(status).toBe(404);
    expect(body.error).toMatchObject({
      code: "unknown-slo",
      message: 'no SLO named "crat"; did you mean "cart"?',
      nearest: "cart",
      known: ["a b/c", "cart", "pay"],
    });
  });

  it("tells past transitions and the counts of the last hours", async () => {
    source.past.push(decision({ slo: "pay", sequence: 16 }));
    source.points.push({ at: AT, total: 100, bad: 3 });
    expect((await json("/v1/gates/pay/history")).body.data).toMatchObject([{ sequence: 16 }]);
    expect((await json("/v1/slos/pay/series")).body.data).toEqual([
      { at: "2026-05-04T10:00:37Z", total: 100, bad: 3 },
    ]);
    expect((await json("/v1/gates/nobody/history")).status).toBe(404);
    expect((await json("/v1/slos/nobody/series")).status).toBe(404);
  });
});

describe("the HTTP API", () => {
  it("answers HEAD as GET without a body", async () => {
    await start();
    const get = await call("/v1/gates/pay");
    const head = await call("/v1/gates/pay", { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.headers.get("content-length")).toBe(get.headers.get("content-length"));
    expect(await head.text()).toBe("");
  });

  it("says what is possible instead", async () => {
    await start();
    const wrongPath = await json("/v2/gates");
    expect(wrongPath.status).toBe(404);
    expect(wrongPath.body.error.message).toContain("/v1/gates/{slo}");
    const wrongMethod = await json("/v1/gates/pay", { method: "PUT" });
    expect(wrongMethod.status).toBe(405);
    expect(wrongMethod.response.headers.get("allow")).toBe("GET, HEAD");
    expect((await json("/v1/overrides/pay")).response.headers.get("allow")).toBe("POST, DELETE");
  });

  it.each([
    ["/v1/gates/pay?service-version=1.4", ["version"], "version"],
    ["/v1/gates/pay?version=1.4&Version=1.5", ["version"], "version"],
    ["/v1/gates?slo=pay", [], null],
    ["/v1/gates/pay/history?limit=3", [], null],
    ["/v1/slos/pay/series?from=0", [], null],
    ["/v1/events?slos=pay", ["slo", "lastEventId"], "slo"],
  ])("refuses a parameter that it does not know: %s", async (path, known, nearest) => {
    await start();
    const { status, body } = await json(path);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: "unknown-parameter", known, nearest });
    const hint = nearest === null ? "takes no parameters" : `did you mean "${nearest}"? known: `;
    expect(body.error.message).toContain(hint);
  });

  it.each(["/metrics?name=x", "/healthz?verbose", "/readyz?verbose"])(
    "leaves probes and scrapers their own parameters: %s",
    async (path) => {
      await start();
      expect((await call(path)).status).toBe(200);
    },
  );

  it("takes what libraries for events and the page's address may carry", async () => {
    await start();
    const stop = new AbortController();
    const events = await call("/v1/events?slo=pay&slo=cart&lastEventId=snapshot", {
      signal: stop.signal,
    });
    expect(events.status).toBe(200);
    stop.abort();
    for (const path of ["/?at=1", "/page.js?v=2"]) expect((await call(path)).status).toBe(200);
  });

  it("bears a request target that is no path", async () => {
    await start();
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const { port } = api;
      httpRequest({ port, path: "//[/%%", host: "127.0.0.1" }, (r) => {
        r.resume();
        resolve(r.statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect([400, 404]).toContain(status);
  });

  it("tells whether it receives", async () => {
    await start();
    expect((await json("/healthz")).body).toEqual({ status: "ok" });
    expect(await json("/readyz")).toMatchObject({ status: 200, body: { message: "receiving" } });
    ready = { ok: false, message: "recovering the journal" };
    expect(await json("/readyz")).toMatchObject({
      status: 503,
      body: { status: "not ready", message: "recovering the journal" },
    });
    expect((await call("/healthz")).status).toBe(200);
  });

  it("hands the Accept header on to /metrics", async () => {
    await start();
    const response = await call("/metrics", {
      headers: { accept: "application/openmetrics-text" },
    });
    expect(await response.text()).toBe("# application/openmetrics-text\n");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4");
  });

  it("answers 500 without telling why, and logs why, when the engine fails", async () => {
    await start({ metrics: () => Promise.reject(new Error("secret detail")) });
    const { status, body } = await json("/metrics");
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain("secret");
    expect(logged).toEqual(["an HTTP request failed"]);
  });

  it("asks for the token when reading needs one, but not for health and the page", async () => {
    await start({ readToken: "reader" });
    for (const path of ["/v1/gates", "/v1/gates/pay", "/v1/events", "/metrics"]) {
      const { status, response } = await json(path);
      expect([path, status]).toEqual([path, 401]);
      expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
    }
    const withToken = { headers: { authorization: "Bearer reader" } };
    expect((await call("/v1/gates", withToken)).status).toBe(200);
    const asWriter = { headers: { authorization: `Bearer ${TOKEN}` } };
    expect((await call("/v1/gates", asWriter)).status).toBe(200);
    for (const path of ["/", "/healthz", "/readyz"]) expect((await call(path)).status).toBe(200);
  });

  it("names the address that is taken", async () => {
    await start();
    const { host, port } = api;
    await expect(start({ endpoint: { host, port } })).rejects.toMatchObject({
      code: "ADDRESS_UNAVAILABLE",
      message: expect.stringMatching(
        `^api.http.endpoint: cannot listen on 127.0.0.1:${port} .* or choose another port in api.http.endpoint$`,
      ),
    });
  });
});

describe("the page", () => {
  beforeEach(() => start());

  it("is served with a policy that allows nothing from elsewhere", async () => {
    const page = await call("/");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'self'/,
    );
    const html = await page.text();
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
    expect(html).not.toMatch(/<script>|<style|style="| on[a-z]+="/);
  });

  it("finds its script and style", async () => {
    const html = await (await call("/")).text();
    const files = [...html.matchAll(/(?:src|href)="([^"#:]+\.(?:js|css))"/g)].map(
      ([, file]) => file,
    );
    expect(files.sort()).toEqual(["page.css", "page.js"]);
    for (const file of files) expect((await call(`/${file}`)).status).toBe(200);
    expect((await call("/", { method: "POST" })).status).toBe(405);
  });
});

describe("POST /v1/overrides", () => {
  const body = { state: "open", for: "2h", reason: "fix for the outage", author: "ana" };
  const post = (value: unknown, headers: Record<string, string> = {}, slo = "pay") =>
    json(`/v1/overrides/${slo}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${TOKEN}`,
        "content-type": "application/json",
        ...headers,
      },
      body: typeof value === "string" ? value : JSON.stringify(value),
    });

  it("sets an override, and answers and logs what it made", async () => {
    await start();
    const { status, body: answer } = await post(body);
    expect(status).toBe(200);
    expect(source.overrides).toEqual([
      {
        slo: "pay",
        state: "open",
        author: "ana",
        reason: "fix for the outage",
        createdAt: AT,
        expiresAt: AT + 7_200_000,
      },
    ]);
    expect(answer.data).toMatchObject({ slo: "pay", reason: "override", allowed: true });
    expect(logged).toEqual(["override set"]);
  });

  it("takes no parameter of the query for a key of the body", async () => {
    await start();
    const { body: answer } = await post(body, {}, "pay?for=4h");
    expect(answer.error.message).toContain("this address takes no parameters");
    expect(source.overrides).toEqual([]);
  });

  it("takes a time with a zone instead of a length", async () => {
    await start();
    const { for: _, ...rest } = body;
    expect((await post({ ...rest, expiresAt: "2026-05-04T13:00:37+02:00" })).status).toBe(200);
    expect(source.overrides[0]?.expiresAt).toBe(AT + 3_600_000);
  });

  it.each([
    [{ ...body, state: "ajar" }, 'state: must be "open" or "closed", found "ajar"'],
    [{ ...body, reason: " " }, "reason: must be a text"],
    [{ ...body, author: "a\nb" }, "author: must be one line"],
    [{ ...body, reason: "half of \ud83d" }, "reason: must be one line"],
    [{ ...body, reason: "turns \u202e what follows" }, "reason: must be one line"],
    [{ ...body, for: undefined }, 'exactly one of "for"'],
    [{ ...body, expiresAt: "2026-05-04T12:00:00Z" }, 'exactly one of "for"'],
    [{ ...body, for: "2 hours" }, "for: must be a duration such as 30m"],
    [{ ...body, for: "0s" }, "for: must lie in the future"],
    [{ ...body, for: "31d" }, "for: must be at most 30 days ahead"],
    [{ ...body, for: undefined, expiresAt: "2026-05-04T12:00:00" }, "expiresAt: must be a time"],
    [{ ...body, for: undefined, expiresAt: "2026-05-04T10:00:37Z" }, "expiresAt: must lie in the"],
    [{ ...body, untill: "x" }, '"untill" is not a known key'],
    ["{", "the body is not JSON"],
    ["[]", "the body must be a JSON object"],
  ])("refuses %j", async (value, message) => {
    await start();
    const { status, body: answer } = await post(value);
    expect(status).toBe(400);
    expect(answer.error.message).toContain(message);
    expect(source.overrides).toEqual([]);
  });

  it("tells all problems at once", async () => {
    await start();
    expect((await post({})).body.error.problems).toHaveLength(4);
  });

  it("refuses other content types, long bodies and unknown SLOs", async () => {
    await start();
    expect((await post(body, { "content-type": "text/plain" })).status).toBe(415);
    expect((await post({ ...body, reason: "x".repeat(20_000) })).status).toBe(413);
    expect((await post(body, {}, "nobody")).status).toBe(404);
    expect(source.overrides).toEqual([]);
  });

  it.each(["Bearer wrong", "Bearer", `Basic ${TOKEN}`, `Bearer ${TOKEN}x`, ""])(
    "refuses the authorization %j",
    async (authorization) => {
      await start();
      const { status } = await post(body, { authorization });
      expect(status).toBe(401);
      expect(source.overrides).toEqual([]);
    },
  );

  it("is off, and says how to switch it on, when no token is configured", async () => {
    await start({ writeToken: null });
    const { status, body: answer } = await post(body);
    expect(status).toBe(403);
    expect(answer.error.message).toContain("api.auth.write.bearer_token");
    expect(source.overrides).toEqual([]);
  });

  it("is cleared by DELETE with an author", async () => {
    await start();
    const init = { method: "DELETE", headers: { authorization: `Bearer ${TOKEN}` } };
    expect((await json("/v1/overrides/pay", init)).body.error.message).toContain("?author=ana");
    const wrong = await json("/v1/overrides/pay?author=ana&auther=bo", init);
    expect(wrong.body.error.message).toContain('no parameter is named "auther" here');
    await post(body);
    const cleared = await json("/v1/overrides/pay?author=ana", init);
    expect([cleared.status, cleared.body]).toMatchObject([200, { cleared: true }]);
    expect(source.cleared).toEqual([{ slo: "pay", author: "ana" }]);
    expect(logged).toEqual(["override set", "override cleared"]);
    const again = await json("/v1/overrides/pay?author=ana", init);
    expect([again.status, again.body]).toMatchObject([200, { cleared: false }]);
    expect(logged).toHaveLength(2);
    expect((await json("/v1/overrides/pay?author=ana", { method: "DELETE" })).status).toBe(401);
  });
});
