// One object: what is told of it, how fast it flows, what it holds.

import { alarmList } from "./alarms.js";
import { DevicePanel } from "./device.js";
import { element, panel, Rows, say, table } from "./dom.js";
import * as format from "./format.js";
import { History } from "./history.js";
import { Plot } from "./plots.js";
import { viewOf } from "./value.js";
import { valueForm } from "./write.js";

const LINES = 8;
const NUMBERS = 128;
const CHOSEN_AT_FIRST = 4;
const SETTABLE = ["variable", "share"];

export class ObjectPage {
  constructor(name, shared) {
    this.name = name;
    this.shared = shared;
    this.kind = element("span", { class: "badge kind" });
    this.state = element("span", { class: "quiet" });
    this.alarms = alarmList(true);
    this.facts = element("dl", { class: "facts" });
    this.flow = new Plot("Per second", format.rate);
    this.flows = new History();
    this.latency = new Plot("Latency of calls", format.latency);
    this.latency.node.hidden = true;
    this.latencies = new History();
    this.fields = new Plot("Fields over time", format.number);
    this.fields.node.hidden = true;
    this.history = new History();
    this.plots = [this.flow, this.latency, this.fields];
    this.chosen = null;
    this.note = element("p", { class: "quiet" });
    this.value = element("div", { class: "value" });
    this.valuePanel = panel("Value", this.note, this.value);
    this.view = null;
    this.form = element("div", { class: "form" });
    this.counters = element("dl", { class: "facts" });
    this.schema = element("pre", { class: "code" });
    this.schemaPanel = panel("Schema", this.schema);
    const heads = ["Process", "State", "Role", "Writes", "Views", "Calls", "Counted"];
    const people = table("participants", heads.map((text) => [text]));
    this.peopleRows = new Rows(people.tBodies[0], () => new ParticipantRow());
    this.node = element(
      "div", { class: "object" },
      element(
        "div", { class: "title" }, element("a", { class: "back", href: "#" }, "← all objects"),
        element("h1", {}, name), this.kind, this.state,
      ),
      this.alarms.node,
      element(
        "div", { class: "sides" },
        element("div", {}, this.valuePanel, this.form, this.fields.node),
        element("div", {}, this.flow.node, this.latency.node, panel("Facts", this.facts), this.schemaPanel),
      ),
      panel("Participants", element("div", { class: "scroll" }, people)),
      panel("Counted so far", this.counters),
    );
  }

  look(seen) {
    this.at = seen.at;
    this.alarms.show(seen.alarms.filter((alarm) => alarm.name === this.name), seen.at);
  }

  object(told) {
    if (told.item === null) {
      this.gone("There is no such object (any more).");
    } else if (told.item.kind === "damaged") {
      this.damaged(told.item);
    } else {
      this.fill(told);
    }
  }

  gone(text) {
    say(this.kind, "gone");
    this.kind.className = "badge bad";
    say(this.note, text);
  }

  damaged(item) {
    say(this.kind, "damaged");
    this.kind.className = "badge bad";
    say(this.state, item.error);
    say(this.note, item.reason);
    this.schemaPanel.hidden = true;
  }

  fill(told) {
    const { item, flow, content } = told;
    if (item.uuid !== this.uuid) this.begin(item);
    this.fillFacts(item);
    this.fillFlow(item, flow);
    this.peopleRows.show(item.participants, (one) => `${one.index} ${one.pid} ${one.thread}`);
    fillList(this.counters, Object.entries(item.counters).map(([name, count]) => [name.replaceAll("_", " "), String(count)]));
    if (content) this.fillValue(item, content);
    this.drawFields();
  }

  // Another object has the name now: nothing of the former one is carried on.
  begin(item) {
    this.uuid = item.uuid;
    this.history = new History();
    this.chosen = null;
    this.view = null;
    this.value.replaceChildren();
    say(this.kind, item.kind);
    this.kind.className = "badge kind";
    this.schemaPanel.hidden = item.schema.length === 0;
    say(this.schema, item.schema.join("\n"));
    this.latency.node.hidden = item.kind !== "function";
    const settable = this.shared.write && SETTABLE.includes(item.kind);
    this.form.replaceChildren(...(settable ? [valueForm(this.name)] : []));
  }

  fillFacts(item) {
    const age = item.age === null ? "before the machine was started" : `${format.duration(item.age)} ago`;
    const facts = [
      ["made", `${age} by user ${item.creator}`],
      ["mode", `${item.mode.toString(8).padStart(3, "0")}, ${item.persistent ? "stays" : "goes with its last user"}`],
      ["memory", `${format.bytes(item.allocated)} of ${format.bytes(item.size)}`],
      ["sizes", Object.entries(item.limits).map(([name, size]) => `${name} ${size}`).join(", ")],
      ["open", `${item.participants.length} of ${item.places} places`],
    ];
    if (item.version !== null) {
      const without = item.version ? "taken, and given up" : "never written";
      const written = item.written ? `${format.duration(this.at - item.written)} ago` : without;
      facts.push(["version", `${item.version}, ${written}`], ["value", format.bytes(item.value_size ?? 0)]);
      facts.push(["slots", `${item.slots_writing} being written, ${item.slots_viewed} viewed`]);
    }
    if (item.filled !== null) facts.push(["stream", `${item.filled} bytes wait, ${item.position} were written`]);
    if (item.waiting) facts.push(["waiters", "somebody sleeps until something happens"]);
    if (item.recovering) facts.push(["lock", "its last owner died in it"]);
    fillList(this.facts, facts);
  }

  fillFlow(item, flow) {
    const names = [["in", flow.into], ["out", flow.out], ["skips", flow.skips]].filter(([, value]) => value !== null);
    this.flows.push(this.at, new Map(names));
    this.flow.draw(this.flows.times, this.flows.keys().map((key) => [key, this.flows.column(key)]));
    if (item.kind !== "function") return;
    this.latencies.push(this.at, new Map([["mean", flow.latency]]));
    const known = this.latencies.keys();
    this.latency.draw(this.latencies.times, known.map((key) => [key, this.latencies.column(key)]), "no calls were served");
  }

  fillValue(item, content) {
    say(this.note, noteOf(item, content));
    if (content.form === "parameters") {
      this.showDevice(content.panel);
      return;
    }
    if (!content.tree) return;
    const start = content.position ?? 0;
    if (!this.view?.update(content.tree, item.version)) {
      const toggle = (key) => this.toggle(key);
      this.view = viewOf(content.tree, { name: this.name, path: [], start, toggle, plots: this.plots });
      this.view.update(content.tree, item.version);
      this.value.replaceChildren(this.view.node);
    }
    this.latest = kept(this.view.numbers());
  }

  showDevice(told) {
    if (!this.device?.fits(told)) {
      this.device = new DevicePanel(this.name, told, { write: this.shared.write, toggle: (key) => this.toggle(key) });
      this.value.replaceChildren(this.device.node);
    }
    this.device.fill(told);
    this.latest = kept(this.device.numbers());
  }

  drawFields() {
    if (!this.latest) return;
    this.history.push(this.at, this.latest);
    this.chosen ??= new Set([...this.latest.keys()].slice(0, CHOSEN_AT_FIRST));
    this.fields.node.hidden = this.latest.size === 0;
    const shown = this.history.keys().filter((key) => this.chosen.has(key)).slice(0, LINES);
    this.fields.draw(this.history.times, shown.map((key) => [key, this.history.column(key)]), "choose numbers above");
    for (const button of this.value.querySelectorAll("button.choose")) {
      button.setAttribute("aria-pressed", String(this.chosen.has(button.dataset.key)));
    }
  }

  toggle(key) {
    if (!this.chosen.delete(key)) this.chosen.add(key);
  }

  close() {
    for (const plot of this.plots) plot.close();
  }
}

// The numbers of which the past is kept.
function kept(numbers) {
  return new Map([...numbers].slice(0, NUMBERS));
}

function noteOf(item, content) {
  const notes = {
    empty: "No value: never written, or taken and given up.",
    error: content.reason,
    struct: "A struct, by the schema that lies with it.",
    bytes: "Bytes of a type that no codec of memlane has written.",
    pickle: "A pickle, not loaded: that would run the code that it names. These are its operations.",
    calls: "Calls at this moment.",
    stream: `The first bytes that wait for the reader, ${content.length} in all; looking takes none.`,
    memory: `The first bytes of ${content.length}.`,
  };
  return notes[content.form] ?? (item.untaken === false ? "Taken already; this is what was taken last." : "");
}

function fillList(list, pairs) {
  const names = JSON.stringify(pairs.map(([name]) => name));
  if (list.dataset.names !== names) {
    list.dataset.names = names;
    list.replaceChildren(...pairs.map(([name]) => element("div", {}, element("dt", {}, name), element("dd"))));
  }
  pairs.forEach(([, text], index) => say(list.children[index].lastChild, text));
}

class ParticipantRow {
  constructor() {
    this.cells = Array.from({ length: 7 }, () => element("td"));
    this.badge = element("span", { class: "badge" });
    this.cells[1].append(this.badge);
    this.node = element("tr", {}, ...this.cells);
  }

  fill(one) {
    say(this.badge, one.alive ? "lives" : "dead");
    this.badge.className = `badge ${one.alive ? "good" : "bad"}`;
    this.node.className = one.alive ? "" : "bad";
    const counted = Object.entries(one.counters).filter(([, count]) => count);
    const texts = [
      `${one.program} ${one.pid}`, null, one.roles.join(", ") || format.NOTHING, String(one.slots_writing),
      String(one.slots_viewed), one.executing ? `${one.calls}, executes ${one.executing}` : String(one.calls),
      counted.map(([name, count]) => `${name.replaceAll("_", " ")} ${count}`).join(", "),
    ];
    texts.forEach((text, index) => text !== null && say(this.cells[index], text));
  }
}
