// The leaderboard. Everything from the database is set by textContent, never as HTML.
"use strict";

const $ = (id) => document.getElementById(id);
const state = { rollup: null, window: null, group: null, date: "", hour: "12", item: null };
const seconds = { top: 1, rollups: 3, trends: 5, detail: 5 };
const series = { hour: 48, day: 30, week: 26, month: 12, quarter: 8, year: 5 };
const lengths = { hour: 3600e3, day: 86400e3, week: 7 * 86400e3, month: 31 * 86400e3, quarter: 92 * 86400e3, year: 366 * 86400e3 };
let rollups = [];
let key = sessionStorage.getItem("topk-key");
let generation = 0;        // of the choice; answers to an earlier choice are dropped
let seen = [];             // {time, ranks}: of the last minute
let totals = [];           // {time, events}: of the last seconds
let shown = null;          // what the leaderboard shows: the choice
let broken = "";
let ready = false;         // the rollups are known

const number = (n) => Number(n).toLocaleString("en-US");
const percent = (share) => (share * 100).toLocaleString("en-US", { maximumFractionDigits: share < 0.1 ? 2 : 1 }) + " %";

// Invisible characters, and those that change the direction of others, are shown by name.
const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/u;

function setItem(element, item, longest) {
  const text = longest && item.length > longest ? item.slice(0, longest) + "…" : item;
  element.replaceChildren();
  const isolated = document.createElement("bdi");
  element.append(isolated);
  let run = "";
  const flush = () => { if (run) isolated.append(run); run = ""; };
  for (const character of text) {
    if (!unseen.test(character)) { run += character; continue; }
    flush();
    isolated.append(named("U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")));
  }
  flush();
  if (item === "") isolated.append(named("empty"));
}
function named(name) {
  const code = document.createElement("span");
  code.className = "code";
  code.textContent = name;
  return code;
}

class Refusal extends Error {
  constructor(status, error) {
    super(error && error.message || "The gateway answered with status " + status + ".");
    this.status = status;
    this.code = error && error.code;
  }
}

async function ask(path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters || {}).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  let response;
  try {
    response = await fetch(path + (query.size ? "?" + query : ""), {
      headers: key ? { Authorization: "Bearer " + key } : {}, cache: "no-store", signal: AbortSignal.timeout(15000),
    });
  } catch {
    throw new Refusal(0, { message: "The gateway cannot be reached. This page tries again by itself." });
  }
  const json = await response.json().catch(() => null);
  if (!response.ok || json === null) throw new Refusal(response.status, json && json.error);
  return json;
}

// Trouble

function setTrouble(refusal) {
  const message = !refusal ? "" : refusal.code === "database_unavailable" ? "The database cannot be reached. This page tries again by itself."
    : refusal.status === 401 ? "" : refusal.message;
  if (refusal && refusal.status === 401) $("key-form").hidden = false;
  else if (!refusal) $("key-form").hidden = true;
  if (message !== broken) {
    broken = message;
    $("trouble").textContent = message;
    $("trouble").hidden = message === "";
  }
  const past = state.date !== "" && state.window !== "last_60m";
  document.body.className = refusal ? "broken" : past ? "past" : "live";
  $("state").textContent = !refusal ? (past ? "Past" : "Live") : refusal.status === 401 ? "Key needed" : "Interrupted";
}

// The choice

const rollup = () => rollups.find((r) => r.name === state.rollup);
const past = () => state.date !== "" && state.window !== "last_60m";
function at() {
  return past() ? state.date + "T" + (state.window === "hour" ? state.hour + ":30" : "12:00") + ":00Z" : null;
}
const choice = () => ({ rollup: state.rollup, group: state.group });

function readHash() {
  const hash = new URLSearchParams(location.hash.slice(1));
  for (const name of ["rollup", "window", "group", "item"]) state[name] = hash.get(name);
  state.date = /^\d{4}-\d\d-\d\d$/.test(hash.get("date") || "") ? hash.get("date") : "";
  state.hour = /^([01]\d|2[0-3])$/.test(hash.get("hour") || "") ? hash.get("hour") : "12";
}
function writeHash() {
  const hash = new URLSearchParams();
  for (const name of ["rollup", "window", "group", "date", "item"]) if (state[name] !== null && state[name] !== "") hash.set(name, state[name]);
  if (state.date && state.window === "hour") hash.set("hour", state.hour);
  history.replaceState(null, "", "#" + hash);
}

function option(value, text) {
  const element = document.createElement("option");
  element.value = value;
  element.textContent = text;
  return element;
}
function groupName(values) {
  return values.length === 0 ? "(all that are not listed)" : values.map((v) => v === null ? "(null)" : v === "" ? "(empty)" : v.slice(0, 60)).join(", ");
}

function setOptions(select, options) {
  const wanted = options.map(([value, text]) => value + "\u0000" + text).join("\u0001");
  if (select.dataset.options === wanted) return;
  select.dataset.options = wanted;
  select.replaceChildren(...options.map(([value, text]) => option(value, text)));
}

function showControls() {
  const r = rollup();
  setOptions($("rollup"), rollups.map((one) => [one.name, one.name]));
  $("rollup").value = state.rollup;
  for (const input of document.querySelectorAll("#windows input")) {
    input.disabled = !(r.windows.includes(input.value) || input.value === "last_60m");
    input.checked = input.value === state.window;
    if (input.value === "quarter" || input.value === "year") input.parentElement.hidden = input.disabled;
  }
  $("group-field").hidden = r.group_by.length === 0;
  if (r.group_by.length) {
    const groups = r.groups.map((g) => [JSON.stringify(g), groupName(g)]);
    if (state.group !== null && !groups.some(([value]) => value === state.group)) groups.push([state.group, state.group]);
    const all = r.total_events !== null; // otherwise the key may ask for these groups alone
    if (!all && state.group === null && groups.length) state.group = groups[0][0];
    setOptions($("group"), all ? [["", "All"], ...groups] : groups);
    $("group").value = state.group || "";
  }
  $("past").hidden = state.window === "last_60m";
  $("date").value = state.date;
  $("hour").hidden = !(state.date && state.window === "hour");
  $("hour").value = state.hour;
  $("now").hidden = state.date === "";
}

function choose(change) {
  Object.assign(state, change);
  const r = rollup();
  if (state.window !== "last_60m" && !r.windows.includes(state.window)) state.window = r.windows.includes("day") ? "day" : r.windows[0];
  if (r.group_by.length === 0) state.group = null;
  ++generation;
  seen = [];
  totals = change.rollup ? [] : totals;
  writeHash();
  showControls();
  tasks.forEach((task) => task.soon());
}

// The leaderboard

const rows = new Map(); // item → its line

function makeRow(item) {
  const row = document.createElement("li");
  row.dataset.item = item;
  const part = (tag, name, parent = row) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    parent.append(element);
    return element;
  };
  row.rank = part("span", "rank");
  row.move = part("span", "move");
  const middle = part("div");
  const button = part("button", "item", middle);
  button.type = "button";
  button.title = item.slice(0, 300);
  setItem(button, item, 200);
  button.addEventListener("click", () => openItem(item));
  const bar = part("div", "bar", middle);
  bar.setAttribute("aria-hidden", "true");
  row.bar = part("i", "", bar);
  const figure = part("span", "figure");
  row.count = part("b", "", figure);
  row.share = part("small", "", figure);
  return row;
}

function move(rank, before) {
  if (before === undefined) return ["", "", ""];
  if (before === null) return ["new", "up", "new in this minute"];
  const by = before - rank;
  return by > 0 ? ["▲" + by, "up", "up " + by] : by < 0 ? ["▼" + -by, "down", "down " + -by] : ["", "", ""];
}

function showTop(answer, snapshot) {
  const list = $("top");
  const now = performance.now();
  const positions = new Map([...rows].map(([item, row]) => [item, row.getBoundingClientRect().top]));
  seen = seen.filter((s) => now - s.time < 60000);
  const earlier = seen.length && now - seen[0].time > 1500 ? seen[0].ranks : null;
  const largest = answer.top_k.length ? answer.top_k[0].count : 1;
  const present = new Set();
  answer.top_k.forEach((entry, i) => {
    present.add(entry.item_id);
    const isNew = !rows.has(entry.item_id);
    const row = rows.get(entry.item_id) || makeRow(entry.item_id);
    rows.set(entry.item_id, row);
    const [text, name, said] = move(entry.rank, !earlier ? undefined : earlier.has(entry.item_id) ? earlier.get(entry.item_id) : null);
    row.rank.textContent = entry.rank;
    row.move.textContent = text;
    row.move.className = "move " + name;
    row.move.setAttribute("aria-label", said);
    row.move.title = said && said !== "new in this minute" ? said + " in this minute" : said;
    row.bar.style.width = (largest > 0 ? Math.max(0.4, entry.count / largest * 100) : 0) + "%";
    row.count.textContent = number(entry.count);
    row.share.textContent = percent(entry.share) + (entry.error > 0 ? " · −" + number(entry.error) : "");
    row.share.title = entry.error > 0 ? "The true count is between " + number(entry.count - entry.error) + " and " + number(entry.count) + "." : "Exact";
    row.classList.toggle("entering", isNew && seen.length > 0);
    if (list.children[i] !== row) list.insertBefore(row, list.children[i] || null);
  });
  for (const [item, row] of rows) if (!present.has(item)) { row.remove(); rows.delete(item); }
  seen.push({ time: now, ranks: new Map(answer.top_k.map((e) => [e.item_id, e.rank])) });

  // Lines slide from their old places.
  for (const [item, row] of rows) {
    const by = positions.has(item) ? positions.get(item) - row.getBoundingClientRect().top : 0;
    if (Math.abs(by) < 1 || seen.length < 2) continue;
    row.classList.remove("moving");
    row.style.transform = "translateY(" + by + "px)";
    requestAnimationFrame(() => requestAnimationFrame(() => { row.classList.add("moving"); row.style.transform = ""; }));
  }

  $("empty").hidden = answer.top_k.length > 0;
  $("board-title").textContent = "Top " + (answer.top_k.length || "");
  $("span").textContent = between(answer.window_start, answer.window_end);
  const weight = answer.total_weight;
  $("totals").textContent = snapshot ? "As it was at the end of the window" : [
    answer.total_events !== null ? number(answer.total_events) + (answer.total_events === 1 ? " event" : " events") : "weight " + number(weight),
    answer.total_items !== null ? number(answer.total_items) + (answer.total_items === 1 ? " item" : " items") : null,
  ].filter(Boolean).join(" · ");
  const inexact = answer.top_k.some((e) => e.error > 0), unsure = answer.top_k.filter((e) => !e.guaranteed).length;
  $("note").hidden = !inexact && !unsure;
  $("note").textContent = (inexact ? "Counts are never too small; −n says by how much at most one is too large. " : "") +
    (unsure ? "The place of " + (unsure === 1 ? "one item" : unsure + " items") + " is not certain." : "");
  $("fresh").textContent = clock(answer.computed_at);
}

function zone() { const r = rollup(); return r ? r.timezone : "UTC"; }
function format(time, options) {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: zone(), ...options }).format(new Date(time));
  } catch {
    return new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options }).format(new Date(time)); // a zone of the database's alone
  }
}
const day = (time) => format(time, { day: "numeric", month: "short", year: "numeric" });
const minute = (time) => format(time, { hour: "2-digit", minute: "2-digit" });
const clock = (time) => new Date(time).toLocaleTimeString("en-GB");
function between(start, end) {
  const last = new Date(new Date(end) - 1);
  const hours = (new Date(end) - new Date(start)) / 3600e3;
  if (hours > 20) return (day(start) === day(last) ? day(start) : day(start) + " – " + day(last)) + ", " + zone();
  return day(start) + ", " + minute(start) + "–" + minute(end) + " " + zone();
}

async function refreshTop(mine) {
  const answer = await ask("/api/v1/topk", { ...choice(), k: 20, time_window: state.window, window_start: at() });
  let snapshot = null;
  if (past() && answer.total_events === 0) { // retention may have left the snapshot alone
    const kept = await ask("/api/v1/history", { ...choice(), k: 20, time_window: state.window, since: answer.window_start, until: answer.window_end });
    snapshot = kept.windows.find((w) => Date.parse(w.window_start) === Date.parse(answer.window_start)) || null;
  }
  if (mine !== generation) return;
  if (snapshot) answer.top_k = snapshot.top_k;
  showTop(answer, snapshot);
  const now = JSON.stringify([choice(), state.window, at()]);
  if (shown !== now) $("spoken").textContent = "Shows the top " + answer.top_k.length + " of " + between(answer.window_start, answer.window_end);
  shown = now;
}

// Trending items

async function refreshTrends(mine) {
  const window = state.window === "last_60m" ? (rollup().windows.includes("hour") ? "hour" : rollup().windows[0]) : state.window;
  const answer = await ask("/api/v1/trending", { ...choice(), k: 8, time_window: window, window_start: at() });
  if (mine !== generation) return;
  const lines = answer.trending_items.filter((item) => item.count > item.previous).map((item) => {
    const line = document.createElement("li");
    line.dataset.item = item.item_id;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "item";
    button.title = item.item_id.slice(0, 300);
    setItem(button, item.item_id, 120);
    button.addEventListener("click", () => openItem(item.item_id));
    const growth = document.createElement("span");
    growth.className = "growth";
    growth.textContent = item.growth_rate === null ? "new" : item.growth_rate >= 10 ? "×" + number(Math.round(item.growth_rate + 1)) : "+" + percent(item.growth_rate);
    const counts = document.createElement("small");
    counts.textContent = number(item.previous) + " → " + number(item.count);
    growth.append(counts);
    line.append(button, growth);
    return line;
  });
  const focused = document.activeElement && document.activeElement.closest("#trends li");
  const item = focused && focused.dataset.item;
  $("trends").replaceChildren(...lines);
  if (focused) { // the focus stays on its line
    const same = lines.find((line) => line.dataset.item === item);
    if (same) same.querySelector("button").focus();
  }
  $("no-trends").hidden = lines.length > 0;
  $("trend-span").textContent = "this " + window + " against the one before";
  if (at() !== null) $("trend-span").textContent = "that " + window + " against the one before";
}

// One item

function openItem(item, focus = true) {
  if (state.item === item && !focus) return;
  choose({ item });
  $("detail").hidden = false;
  $("points").replaceChildren();
  $("chart").replaceChildren();
  $("axis").textContent = "";
  $("detail-count").textContent = "…";
  setItem($("detail-name"), item);
  if (focus) $("detail").focus({ preventScroll: false });
}
function closeItem() {
  const row = rows.get(state.item);
  state.item = null;
  writeHash();
  $("detail").hidden = true;
  (row ? row.querySelector("button") : $("search")).focus();
}

async function refreshDetail(mine) {
  if (state.item === null) return;
  const window = state.window === "last_60m" ? (rollup().windows.includes("hour") ? "hour" : rollup().windows[0]) : state.window;
  const until = at() === null ? Date.now() : Date.parse(at());
  const path = "/api/v1/items/" + encodeURIComponent(state.item) + "/series";
  const answer = await ask(path, {
    ...choice(), time_window: window, since: new Date(until - (series[window] - 1) * lengths[window]).toISOString(), until: new Date(until).toISOString(),
  });
  if (mine !== generation || state.item === null) return;
  const points = answer.series, last = points[points.length - 1];
  const exact = last.lower === last.upper;
  $("detail-count").textContent = (exact ? number(last.count) : number(last.lower) + " to " + number(last.upper)) + " in the last " + window + " shown" +
    (last.rank === null ? "" : ", rank " + number(last.rank));
  draw(points, window);
  $("points").replaceChildren(...points.map((p) => {
    const row = document.createElement("tr");
    for (const text of [label(p.window_start, window), number(p.count), p.rank === null ? "–" : number(p.rank)]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  }).reverse());
  $("detail").dataset.shown = state.item;
}
const label = (time, window) => window === "hour" ? format(time, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }) : day(time);

function draw(points, window) {
  const width = 400, height = 170, step = width / points.length, most = Math.max(1, ...points.map((p) => p.count));
  const make = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
    return element;
  };
  $("chart").replaceChildren(...points.map((p, i) => {
    const group = make("g", {});
    const title = make("title", {});
    title.textContent = label(p.window_start, window) + ": " + number(p.count);
    const size = p.count > 0 ? Math.max(1.5, p.count / most * (height - 4)) : 0;
    const x = i * step + step * 0.12, w = step * 0.76;
    group.append(title, make("rect", { class: "space", x, y: 0, width: w, height, rx: 2 }), make("rect", { x, y: height - size, width: w, height: size, rx: 2 }));
    return group;
  }));
  $("chart").setAttribute("aria-label", points.length + " " + window + "s until " + label(points[points.length - 1].window_start, window) +
    ": from " + number(Math.min(...points.map((p) => p.count))) + " to " + number(Math.max(...points.map((p) => p.count))));
  const left = document.createElement("span"), right = document.createElement("span"), top = document.createElement("span");
  left.textContent = label(points[0].window_start, window);
  top.textContent = "at most " + number(Math.max(...points.map((p) => p.count)));
  right.textContent = label(points[points.length - 1].window_start, window);
  $("axis").replaceChildren(left, top, right);
}

// Rollups, and how fast events come

async function refreshRollups() {
  const answer = await ask("/api/v1/rollups");
  rollups = answer.rollups;
  if (!rollups.length) throw new Refusal(404, { message: "There is no rollup that may be asked." });
  const first = !ready;
  ready = true;
  if (!rollup()) state.rollup = rollups[0].name;
  if (state.window === null || (state.window !== "last_60m" && !rollup().windows.includes(state.window)))
    state.window = rollup().windows.includes("day") ? "day" : rollup().windows[0];
  showControls();
  const now = performance.now();
  totals.push({ time: now, events: rollup().total_events });
  totals = totals.filter((t) => now - t.time < 10000);
  const oldest = totals[0];
  if (rollup().total_events === null)
    $("rate").textContent = "–";
  else if (now - oldest.time > 1000)
    $("rate").textContent = number(Math.max(0, Math.round((rollup().total_events - oldest.events) / (now - oldest.time) * 1000)));
  else if (rollup().events_per_second !== null)
    $("rate").textContent = number(Math.round(rollup().events_per_second));
  if (first) tasks.forEach((task) => task !== tasks[0] && task.soon());
}

// A task repeats its work. After a failure it waits longer, up to 8 s. Tasks rest while the page is hidden.
class Task {
  constructor(interval, work) {
    Object.assign(this, { interval: interval * 1000, work, timer: 0, running: false, again: false, failures: 0 });
  }
  soon() {
    clearTimeout(this.timer);
    if (this.running) this.again = true;
    else this.run();
  }
  async run() {
    if (document.hidden) return;
    this.running = true;
    try {
      if (this === tasks[0] || rollup()) await this.work(generation);
      this.failures = 0;
      this.refusal = null;
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      ++this.failures;
      this.refusal = refusal;
    } finally {
      this.running = false;
      setTrouble(tasks.map((task) => task.refusal).find(Boolean) || null);
      const pause = this.again ? 0 : this.failures ? Math.min(8000, 500 * 2 ** Math.min(this.failures, 5)) : this.interval;
      this.again = false;
      this.timer = setTimeout(() => this.run(), pause);
    }
  }
}
const tasks = [new Task(seconds.rollups, refreshRollups), new Task(seconds.top, refreshTop), new Task(seconds.trends, refreshTrends), new Task(seconds.detail, refreshDetail)];

$("rollup").addEventListener("change", () => choose({ rollup: $("rollup").value, group: null }));
$("group").addEventListener("change", () => choose({ group: $("group").value || null }));
$("windows").addEventListener("change", (event) => choose({ window: event.target.value }));
$("date").addEventListener("change", () => choose({ date: $("date").value }));
$("hour").addEventListener("change", () => choose({ hour: $("hour").value }));
$("now").addEventListener("click", () => { choose({ date: "" }); $("date").focus(); });
$("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("search").value !== "") openItem($("search").value);
});
$("close").addEventListener("click", closeItem);
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !$("detail").hidden && event.target !== $("search")) closeItem(); });
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = $("key").value;
  sessionStorage.setItem("topk-key", key);
  $("key").value = "";
  tasks.forEach((task) => task.soon());
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) tasks.forEach((task) => task.soon()); });
for (let hour = 0; hour < 24; ++hour) $("hour").append(option(String(hour).padStart(2, "0"), String(hour).padStart(2, "0") + ":00"));

readHash();
const opened = state.item;
state.item = null;
tasks.forEach((task) => task.run());
if (opened !== null) {
  const wait = setInterval(() => { if (rollup()) { clearInterval(wait); openItem(opened, false); } }, 50);
}
