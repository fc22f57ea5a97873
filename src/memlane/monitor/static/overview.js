// The first page: what there is, who has it, how fast it flows, what is wrong.

import { alarmList } from "./alarms.js";
import { drawing, element, linkTo, panel, Rows, say, table } from "./dom.js";
import * as format from "./format.js";
import { Plot } from "./plots.js";

const LINES = 8;
const TREND = { width: 88, height: 20, points: 80 };

export class Overview {
  constructor(shared) {
    this.shared = shared;
    this.tiles = new Tiles();
    this.alarms = alarmList(false);
    this.rates = new Plot("Written, put, called per second", format.rate);
    this.latencies = new Plot("Latency of calls", format.latency);
    this.shown = [];
    this.filter = element("input", { type: "search", placeholder: "filter by name or kind", "aria-label": "filter" });
    this.filter.addEventListener("input", () => this.seen && this.fillObjects(this.seen));
    const objects = table("objects", [
      ["Name"], ["Kind"], ["In/s", "number"], ["Trend", "middle"], ["Out/s", "number"], ["Data/s", "number middle"],
      ["Skips/s", "number wide"], ["Latency", "number wide"], ["Live", "number middle"], ["Version", "number wide"],
      ["Written", "number middle"], ["State", "wide"],
    ]);
    this.objects = new Rows(objects.tBodies[0], (item) => new ObjectRow(item, shared.rates));
    const processes = table("processes", [
      ["Process"], ["State"], ["Started", "number middle"], ["Has open, and holds"],
    ]);
    this.processes = new Rows(processes.tBodies[0], (item) => new ProcessRow(item));
    this.troubles = element("ul", { class: "troubles" });
    this.troublePanel = panel("Counted so far", this.troubles);
    const objectPanel = panel("Objects", element("div", { class: "scroll" }, objects));
    objectPanel.firstChild.append(this.filter);
    this.node = element(
      "div", { class: "overview" },
      this.tiles.node, this.alarms.node,
      element("div", { class: "pair" }, this.rates.node, this.latencies.node),
      objectPanel, panel("Processes", element("div", { class: "scroll" }, processes)), this.troublePanel,
    );
  }

  look(seen) {
    this.seen = seen;
    this.tiles.fill(seen);
    this.alarms.show(seen.alarms, seen.at);
    this.drawRates();
    const latencies = this.shared.latencies;
    const functions = latencies.keys().slice(0, LINES);
    this.latencies.draw(latencies.times, functions.map((key) => [key, latencies.column(key)]), "no calls were served");
    this.fillObjects(seen);
    const keyOf = (item) => `${item.pid} ${item.namespace} ${item.alive} ${item.program}`;
    this.processes.show(seen.processes.sort(byAliveAndPid), keyOf);
    this.fillTroubles(seen);
  }

  // Shows the busiest; who is in the plot stays until somebody else is twice as busy, so that lines do not flicker.
  drawRates() {
    const history = this.shared.rates;
    const peak = (key) => Math.max(...history.column(key).slice(-40).map((value) => value ?? 0));
    const weight = new Map(history.keys().map((key) => [key, peak(key) * (this.shown.includes(key) ? 2 : 1)]));
    const busiest = [...weight.keys()].filter((key) => weight.get(key) > 0 || this.shown.includes(key));
    busiest.sort((left, right) => weight.get(right) - weight.get(left));
    this.shown = busiest.slice(0, LINES).sort();
    this.rates.draw(history.times, this.shown.map((key) => [key, history.column(key)]), "nothing moves");
  }

  fillObjects(seen) {
    const wanted = this.filter.value.trim().toLowerCase();
    const fits = (item) => item.name.toLowerCase().includes(wanted) || item.kind.includes(wanted);
    this.objects.show(seen.objects.filter(fits).map((item) => ({ ...item, at: seen.at })), (item) => item.name);
  }

  fillTroubles(seen) {
    this.troublePanel.hidden = seen.troubles.length === 0;
    this.troubleRows ??= new Rows(this.troubles, () => {
      const node = element("li");
      return { node, fill: (trouble) => say(node, trouble.text) };
    });
    const told = seen.troubles.map((trouble) => ({
      key: `${trouble.name} ${trouble.what}`,
      text: `${trouble.name}: ${trouble.what}: ${trouble.count}, ${when(trouble.last, seen.at)}`,
    }));
    this.troubleRows.show(told, (trouble) => trouble.key);
  }

  close() {
    this.rates.close();
    this.latencies.close();
  }
}

function when(time, now) {
  return time === null ? "before the monitor looked" : `last ${format.duration(now - time)} ago`;
}

function byAliveAndPid(left, right) {
  return left.alive - right.alive || left.pid - right.pid;
}

class Tiles {
  constructor() {
    const names = ["Objects", "Processes", "In per second", "Data in", "Memory", "Alarms"];
    this.values = new Map(names.map((name) => [name, element("strong", {}, format.NOTHING)]));
    const tiles = names.map((name) => element("div", { class: "tile" }, element("span", {}, name), this.values.get(name)));
    this.alarms = tiles[tiles.length - 1];
    this.node = element("div", { class: "tiles" }, ...tiles);
  }

  fill(seen) {
    const sum = (key) => seen.objects.reduce((total, item) => total + (item[key] ?? 0), 0);
    const dead = seen.processes.filter((process) => !process.alive).length;
    const alive = seen.processes.length - dead;
    this.say("Objects", String(seen.objects.length));
    this.say("Processes", dead ? `${alive}, ${dead} dead` : String(alive));
    this.say("In per second", format.rate(sum("into")));
    this.say("Data in", `${format.bytes(sum("bytes_into"))}/s`);
    this.say("Memory", format.bytes(sum("bytes")));
    this.say("Alarms", String(seen.alarms.length));
    const critical = seen.alarms.some((alarm) => alarm.critical);
    this.alarms.className = `tile ${critical ? "bad" : seen.alarms.length ? "warn" : "good"}`;
  }

  say(name, text) {
    say(this.values.get(name), text);
  }
}

function cell(kind, ...children) {
  return element("td", { class: kind }, ...children);
}

class ObjectRow {
  constructor(item, history) {
    this.history = history;
    this.line = drawing("polyline", { class: "trend" });
    const trend = drawing("svg", { viewBox: `0 0 ${TREND.width} ${TREND.height}`, class: "trend" });
    trend.append(this.line);
    this.texts = {};
    const text = (name, kind) => (this.texts[name] = cell(kind));
    this.dot = element("span", { class: "dot" });
    this.node = element(
      "tr", {},
      cell("name", this.dot, linkTo(item.name)), text("kind", "kind"), text("into", "number"), cell("middle", trend),
      text("out", "number"), text("data", "number middle"), text("skips", "number wide"), text("latency", "number wide"),
      text("live", "number middle"), text("version", "number wide"), text("written", "number middle"),
      text("state", "state wide"),
    );
  }

  fill(item) {
    const dead = item.dead > 0;
    this.node.className = item.error ? "bad" : dead ? "warn" : "";
    this.dot.className = `dot ${item.error ? "bad" : dead ? "warn" : item.into ? "good" : ""}`;
    const texts = {
      kind: item.kind,
      into: format.rate(item.into),
      out: format.rate(item.out),
      data: item.bytes_into === null ? format.NOTHING : format.bytes(item.bytes_into),
      skips: format.rate(item.skips),
      latency: format.latency(item.latency),
      live: dead ? `${item.live}, ${item.dead} dead` : String(item.live ?? format.NOTHING),
      version: String(item.version ?? format.NOTHING),
      written: item.written ? `${format.duration(item.at - item.written)} ago` : format.NOTHING,
      state: item.state,
    };
    if (item.error) texts.data = texts.live = format.NOTHING;
    for (const [name, text] of Object.entries(texts)) say(this.texts[name], text);
    this.line.setAttribute("points", pointsOf(this.history.column(item.name)));
  }
}

function pointsOf(column) {
  const values = column.slice(-TREND.points);
  const high = Math.max(1e-9, ...values.map((value) => value ?? 0));
  const x = (index) => (TREND.width - (values.length - 1 - index) * (TREND.width / TREND.points)).toFixed(1);
  const y = (value) => (TREND.height - 2 - (value / high) * (TREND.height - 4)).toFixed(1);
  return values.flatMap((value, index) => (value === null ? [] : [`${x(index)},${y(value)}`])).join(" ");
}

class ProcessRow {
  constructor(item) {
    this.state = element("span", { class: "badge" });
    this.started = cell("number middle");
    this.has = cell("has");
    this.node = element(
      "tr", {},
      cell("name", `${item.program} `, element("span", { class: "quiet" }, String(item.pid))),
      cell("", this.state), this.started, this.has,
    );
  }

  fill(item) {
    say(this.state, item.alive ? "lives" : "dead");
    this.state.className = `badge ${item.alive ? "good" : "bad"}`;
    this.node.className = item.alive ? "" : "bad";
    say(this.started, item.since ? new Date(item.since * 1000).toLocaleTimeString([], { hour12: false }) : format.NOTHING);
    const told = JSON.stringify(item.has);
    if (told === this.told) return;
    this.told = told;
    this.has.replaceChildren(
      ...item.has.map((thing) => element("span", { class: "thing" }, linkTo(thing.name), thing.holds ? ` ${thing.holds}` : null)),
    );
  }
}
