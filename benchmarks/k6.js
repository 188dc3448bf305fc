// Load on the service with k6: browsing and buying, each an open model with a constant rate.
//
//   reservation load tokens --users 200 --file tokens.txt
//   k6 run -e URL=http://127.0.0.1:8000 -e TOKENS=$PWD/tokens.txt -e RATE=100 -e DURATION=60s benchmarks/k6.js
//
// RATE is the number of browsers a second; a tenth as many buy. Without TOKENS everybody shares one login, EMAIL and
// PASSWORD. SUMMARY=FILE keeps the whole summary as JSON. The exit status is not 0 when a threshold is crossed.

import { check } from "k6";
import http from "k6/http";
import { Counter } from "k6/metrics";
import { SharedArray } from "k6/data";

const URL = __ENV.URL || "http://127.0.0.1:8000";
const RATE = Number(__ENV.RATE || 50);
const DURATION = __ENV.DURATION || "30s";
const MOST_SEATS = 4;

const tokens = new SharedArray("tokens", () => (__ENV.TOKENS ? open(__ENV.TOKENS).trim().split(/\s+/) : []));
const refused = new Counter("holds_refused");
const sold = new Counter("seats_sold");

// A 409 because another customer was faster is no failure.
http.setResponseCallback(http.expectedStatuses({ min: 200, max: 304 }, 409));

function arriving(exec, rate) {
  return {
    executor: "constant-arrival-rate",
    exec,
    rate: Math.max(1, Math.round(rate * 10)),
    timeUnit: "10s",
    duration: DURATION,
    preAllocatedVUs: Math.max(10, Math.ceil(rate / 4)),
    maxVUs: Math.max(50, Math.ceil(rate * 4)),
  };
}

export const options = {
  scenarios: { browse: arriving("browse", RATE), buy: arriving("buy", RATE / 10) },
  summaryTrendStats: ["count", "avg", "p(50)", "p(90)", "p(99)", "p(99.9)", "max"],
  thresholds: {
    http_req_failed: ["rate<0.001"],
    checks: ["rate>0.999"],
    dropped_iterations: ["count==0"],
    "http_req_duration{name:map}": ["p(99)<1000"],
    "http_req_duration{name:hold}": ["p(99)<1000"],
    "http_req_duration{name:confirm}": ["p(99)<1000"],
  },
};

export function setup() {
  const list = http.get(`${URL}/showtimes?limit=100`, { tags: { name: "list" } });
  if (list.status !== 200) {
    throw new Error(`${URL} does not answer: ${list.error || list.status}`);
  }
  const shows = list.json("items");
  if (shows.length === 0) {
    throw new Error("there are no showtimes: `reservation seed demo` makes some");
  }
  let login = null;
  if (tokens.length === 0) {
    const body = { email: __ENV.EMAIL || "customer@example.com", password: __ENV.PASSWORD || "demo-customer-password" };
    const answer = http.post(`${URL}/auth/login`, JSON.stringify(body), json({}, "login"));
    if (answer.status !== 200) {
      throw new Error(`nobody can log in as ${body.email}: give TOKENS`);
    }
    login = answer.json("access_token");
  }
  return { shows: shows.map((show) => show.id), login };
}

const etags = {}; // each virtual user has its own, as each browser has

export function browse(data) {
  const show = pick(data.shows);
  const headers = etags[show] ? { "If-None-Match": etags[show] } : {};
  const answer = http.get(`${URL}/showtimes/${show}/seats`, { headers, tags: { name: "map" } });
  check(answer, { "map 200 or 304": (a) => a.status === 200 || a.status === 304 });
  if (answer.status === 200) {
    etags[show] = answer.headers.Etag;
  }
}

export function buy(data) {
  const show = pick(data.shows);
  const token = tokens.length > 0 ? pick(tokens) : data.login;
  const headers = { Authorization: `Bearer ${token}` };
  const map = http.get(`${URL}/showtimes/${show}/seats`, { tags: { name: "map" } });
  if (!check(map, { "map 200": (a) => a.status === 200 })) {
    return;
  }
  const free = map.json("seats").filter((seat) => seat.status === "available");
  if (free.length === 0) {
    return;
  }
  const start = Math.floor(Math.random() * free.length);
  const seats = free.slice(start, start + 1 + Math.floor(Math.random() * MOST_SEATS)).map((seat) => seat.id);
  const hold = http.post(`${URL}/showtimes/${show}/holds`, JSON.stringify({ seat_ids: seats }), json(headers, "hold"));
  check(hold, { "hold 201 or 409": (a) => a.status === 201 || a.status === 409 });
  if (hold.status !== 201) {
    refused.add(1);
    return;
  }
  const reservation = `${URL}/reservations/${hold.json("id")}`;
  const confirm = http.post(`${reservation}/confirm`, null, { headers, tags: { name: "confirm" } });
  if (check(confirm, { "confirm 200": (a) => a.status === 200 })) {
    sold.add(seats.length);
  }
  if (Math.random() < 0.25) {
    const cancel = http.post(`${reservation}/cancel`, null, { headers, tags: { name: "cancel" } });
    check(cancel, { "cancel 200": (a) => a.status === 200 });
  }
}

export function handleSummary(data) {
  const lines = ["", "milliseconds       count      p50      p90      p99    p99.9      max"];
  for (const name of ["map", "hold", "confirm"]) {
    const metric = data.metrics[`http_req_duration{name:${name}}`];
    if (metric) {
      const of = metric.values;
      const figures = ["p(50)", "p(90)", "p(99)", "p(99.9)", "max"].map((key) => of[key].toFixed(1).padStart(8));
      lines.push(`${name.padEnd(12)} ${String(of.count).padStart(11)} ${figures.join(" ")}`);
    }
  }
  const count = (name) => (data.metrics[name] ? data.metrics[name].values.count : 0);
  lines.push(
    `requests ${count("http_reqs")}, seats sold ${count("seats_sold")}, holds refused ${count("holds_refused")}, ` +
      `arrivals dropped ${count("dropped_iterations")}`,
  );
  for (const [name, metric] of Object.entries(data.metrics)) {
    for (const [bound, verdict] of Object.entries(metric.thresholds || {})) {
      lines.push(`${verdict.ok ? "kept" : "CROSSED"}: ${name} ${bound}`);
    }
  }
  const outputs = { stdout: `${lines.join("\n")}\n` };
  if (__ENV.SUMMARY) {
    outputs[__ENV.SUMMARY] = JSON.stringify(data, null, 2);
  }
  return outputs;
}

function json(headers, name) {
  return { headers: Object.assign({ "Content-Type": "application/json" }, headers), tags: { name } };
}

function pick(list) {
  return list[Math.floor(Math.random() * list.length)];
}
