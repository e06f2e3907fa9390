// The live table of all gates. Everything that comes from the engine is set as text, never as markup.

const SHAPES = { closed: "■", unknown: "?", open: "○" };
const ORDER = { closed: 0, unknown: 1, open: 2 };
/** More rows than this are slow to redraw and nobody reads them: the filter is for that. */
const MOST_ROWS = 400;
const TOKEN_KEY = "slogate-read-token";
/** Three heartbeats of the server without a byte: the connection is dead although nobody said so. */
const SILENCE_MS = 45_000;

const gates = new Map();
const element = (id) => document.getElementById(id);
let phase = "connecting";
let loaded = false;
let drawn = false;
let attempt = 0;

element("filter").addEventListener("input", schedule);
for (const box of document.querySelectorAll("input[name=state]"))
  box.addEventListener("change", schedule);
element("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN_KEY, element("token").value);
  element("token").value = "";
  element("token-form").hidden = true;
  connect();
});
// Times such as "3 min ago" and expiry move on without any event.
setInterval(schedule, 1000);
connect();

/** Server-sent events over fetch, because EventSource cannot send a token. */
async function connect() {
  setPhase("connecting");
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), SILENCE_MS);
  try {
    const token = sessionStorage.getItem(TOKEN_KEY);
    const response = await fetch("v1/events", {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      cache: "no-store",
      signal: abort.signal,
    });
    if (response.status === 401) {
      clearTimeout(timer);
      askForToken(token !== null);
      return;
    }
    if (!response.ok) throw new Error(`the engine answered ${response.status}`);
    let rest = "";
    // A reader and not `for await`, which Safari's streams do not know yet.
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value: text } = await reader.read();
      if (done) break;
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), SILENCE_MS);
      const frames = (rest + text).split("\n\n");
      rest = frames.pop();
      for (const frame of frames) take(frame);
    }
  } catch {
    // Whatever ended the stream, the answer is the same: say so and connect again.
  }
  clearTimeout(timer);
  setPhase("lost");
  const delay = Math.min(15_000, 500 * 2 ** attempt) * (0.5 + Math.random() / 2);
  attempt = Math.min(attempt + 1, 6);
  setTimeout(connect, delay);
}

function take(frame) {
  const lines = frame.split("\n");
  const event = lines.find((line) => line.startsWith("event: "))?.slice(7);
  const data = lines
    .filter((line) => line.startsWith("data: "))
    .map((line) => line.slice(6))
    .join("\n");
  if (data === "") return;
  const value = JSON.parse(data);
  if (event === "snapshot") {
    gates.clear();
    for (const gate of value.data) gates.set(gate.slo, gate);
    loaded = true;
    attempt = 0;
    setPhase("live");
  } else if (event === "decision") {
    gates.set(value.slo, value);
  }
  schedule();
}

function askForToken(wasWrong) {
  setPhase("token");
  element("token-form").hidden = false;
  element("token").focus();
  if (wasWrong) element("connection").textContent = "the token was refused";
}

function setPhase(next) {
  phase = next;
  const words = {
    connecting: "connecting",
    live: "live",
    lost: "disconnected, trying again",
    token: "waiting for the token",
  };
  element("connection").dataset.state = next;
  element("connection").textContent = words[next];
  schedule();
}

/** At most one redraw per frame, however many decisions arrive. */
function schedule() {
  if (drawn) return;
  drawn = true;
  requestAnimationFrame(() => {
    drawn = false;
    draw();
  });
}

function draw() {
  const now = Date.now();
  document.body.classList.toggle("stale", phase !== "live" && loaded);
  const banner = element("banner");
  banner.hidden = !(phase === "lost" && loaded);
  setText(
    banner,
    banner.hidden ? "" : "No connection to the engine. What is shown may be out of date.",
  );
  const all = [...gates.values()].map((gate) => ({ ...gate, shown: shownState(gate, now) }));
  const count = (state) => all.filter((gate) => gate.shown === state).length;
  if (loaded) {
    setText(
      element("summary"),
      `${count("closed")} closed · ${count("unknown")} unknown · ${count("open")} open`,
    );
    document.title = count("closed") > 0 ? `(${count("closed")} closed) slogate` : "slogate";
  }
  const words = element("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const states = new Set(
    [...document.querySelectorAll("input[name=state]:checked")].map((box) => box.value),
  );
  const wanted = all
    .filter((gate) => states.has(gate.shown))
    .filter((gate) => {
      const text = `${gate.slo} ${gate.service} ${gate.reason}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .sort((a, b) => ORDER[a.shown] - ORDER[b.shown] || a.slo.localeCompare(b.slo));
  drawRows(wanted.slice(0, MOST_ROWS), now);
  element("gates").setAttribute("aria-busy", String(!loaded));
  setText(
    element("note"),
    wanted.length > MOST_ROWS
      ? `${MOST_ROWS} of ${wanted.length} gates are shown; narrow the filter for the others.`
      : "",
  );
}

/** A decision past its time is unknown, as every other reader takes it. */
function shownState(gate, now) {
  const isExpired = gate.validUntil === null || Date.parse(gate.validUntil) <= now;
  return isExpired ? "unknown" : gate.state;
}

const NOT_LOADED = {
  connecting: "Loading the gates…",
  live: "Loading the gates…",
  lost: "The engine cannot be reached yet.",
  token: "The gates are shown once the token is given.",
};

/** Rows are kept and changed in place, so that selection, focus and screen readers are not disturbed. */
function drawRows(list, now) {
  const body = element("rows");
  if (list.length === 0) {
    const message = !loaded
      ? NOT_LOADED[phase]
      : gates.size === 0
        ? "No SLOs yet. Put OpenSLO files where `slos` in slogate.yaml points; they appear here at once."
        : "No gate matches the filter.";
    if (body.dataset.empty !== message) {
      const row = document.createElement("tr");
      row.className = "empty";
      const cell = row.appendChild(document.createElement("td"));
      cell.colSpan = 7;
      cell.textContent = message;
      body.replaceChildren(row);
      body.dataset.empty = message;
    }
    return;
  }
  if (body.dataset.empty !== undefined) {
    body.replaceChildren();
    delete body.dataset.empty;
  }
  const rows = new Map([...body.children].map((row) => [row.dataset.slo, row]));
  let place = body.firstElementChild;
  for (const gate of list) {
    const row = rows.get(gate.slo) ?? newRow(gate.slo);
    rows.delete(gate.slo);
    fillRow(row, gate, now);
    if (row === place) place = place.nextElementSibling;
    else body.insertBefore(row, place);
  }
  for (const row of rows.values()) row.remove();
}

function newRow(slo) {
  const row = document.createElement("tr");
  row.dataset.slo = slo;
  const cell = (name, label, className = "") => {
    const made = row.appendChild(document.createElement(name));
    if (label !== "") made.dataset.label = label;
    made.className = className;
    return made;
  };
  cell("td", "").appendChild(document.createElement("span"));
  const name = cell("th", "");
  name.scope = "row";
  name.append(document.createElement("span"), document.createElement("span"));
  name.lastChild.className = "service";
  const why = cell("td", "", "why");
  why.append(document.createElement("span"), document.createElement("span"));
  why.lastChild.className = "aside";
  cell("td", "Burn", "number");
  cell("td", "Budget left", "number");
  cell("td", "Budget spent");
  cell("td", "Since").appendChild(document.createElement("time"));
  return row;
}

function fillRow(row, gate, now) {
  const [state, name, why, burn, budget, spent, since] = row.children;
  const isExpired = gate.shown !== gate.state;
  state.firstChild.className = `state ${gate.shown}`;
  setText(state.firstChild, `${SHAPES[gate.shown]} ${gate.shown}`);
  setText(name.firstChild, gate.slo);
  setText(name.lastChild, gate.service);
  setText(
    why.firstChild,
    isExpired
      ? `no decision since ${clockTime(gate.decidedAt)}; it was ${gate.state}: ${gate.message}`
      : gate.message,
  );
  setText(why.lastChild, asides(gate, now).join(" · "));
  const [short, long] = Object.entries(gate.burn);
  setText(burn, `${rate(short?.[1])} / ${rate(long?.[1])}`);
  burn.title = Object.entries(gate.burn)
    .map(([window, value]) => `${window}: ${rate(value)}`)
    .join(", ");
  setText(budget, percent(gate.budget.remaining));
  budget.title = `of ${gate.budget.period}, ${gate.budget.basis}`;
  setText(spent, exhaustion(gate.forecast.exhaustion, gate.budget.remaining, now));
  const time = since.firstChild;
  time.dateTime = gate.since ?? "";
  time.title = gate.since ?? "";
  setText(time, gate.since === null ? "–" : `${length(now - Date.parse(gate.since))} ago`);
}

function asides(gate, now) {
  // What an expired decision allowed is worth nothing any more.
  if (gate.shown !== gate.state) return ["expired"];
  const list = [gate.reason];
  if (gate.mode === "shadow") list.push("shadow: rollouts pass");
  else if (gate.shown === "unknown" || gate.allowed !== (gate.shown === "open"))
    list.push(gate.allowed ? "rollouts pass" : "rollouts wait");
  const { override, reopen } = gate;
  if (override !== null)
    list.push(
      `${override.state} by ${override.author} until ${clockTime(override.expiresAt)}: ${override.reason}`,
    );
  else if (reopen?.expected != null && gate.shown === "closed")
    list.push(`expected to open in ${length(Date.parse(reopen.expected) - now)}`);
  const suspects = gate.versions.filter((version) => version.suspect).map(({ version }) => version);
  if (suspects.length > 0) list.push(`suspect: ${suspects.join(", ")}`);
  const hour = gate.forecast.at?.["1h"];
  if (hour?.burn != null) list.push(`next hour: ${outlook(hour)}`);
  return list;
}

/** A forecast with its interval, and how often such intervals have held: whether to believe it. */
function outlook({ burn, lo80, hi80, calibration80, widened }) {
  const said = `burn ${rate(burn)}, 80 %: ${rate(lo80)} to ${rate(hi80)}`;
  const held = calibration80 === null ? "" : ` (${percent(calibration80)} of past ones held)`;
  return said + held + (widened > 1 ? `, widened ${rate(widened)} times` : "");
}

function exhaustion(forecast, remaining, now) {
  if (remaining !== null && remaining <= 0) return "now";
  if (forecast === null) return "–";
  if (forecast.expected === null) return "not in this period";
  return `in ${length(Date.parse(forecast.expected) - now)}`;
}

function rate(value) {
  if (value == null) return "–";
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

function percent(ratio) {
  return ratio === null ? "–" : `${(ratio * 100).toFixed(1)} %`;
}

function clockTime(text) {
  return text === null ? "–" : new Date(text).toLocaleTimeString();
}

function length(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** Writing the same text again would make screen readers read it again. */
function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
