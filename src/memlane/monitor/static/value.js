// Values as trees. Each view can say whether a new value fits it, and then changes its texts alone.

import { CloudView } from "./cloud.js";
import { element, say } from "./dom.js";
import * as format from "./format.js";
import { ImageView } from "./image.js";
import { LineView } from "./line.js";

const BYTES_IN_A_LINE = 16;

// Makes the view of a node. `place` has the object's name, the path to the node, and what toggles a number's line.
export function viewOf(node, place) {
  const kinds = {
    number: NumberView, word: WordView, text: TextView, bytes: BytesView, fields: BranchView, items: BranchView,
    array: ArrayView, pickle: PickleView,
  };
  return new kinds[node.is](node, place);
}

// The button by which a number is drawn over time, or is no more.
export function chooser(key, toggle) {
  const button = element("button", { class: "choose", type: "button", title: "draw over time", "aria-pressed": "false" }, "∿");
  button.dataset.key = key;
  button.addEventListener("click", () => toggle(key));
  return button;
}

export function keyOf(path) {
  return path.join(".") || "value";
}

class NumberView {
  constructor(node, place) {
    this.key = keyOf(place.path);
    this.text = element("span", { class: "number" });
    this.node = element("span", { class: "leaf" }, this.text, chooser(this.key, place.toggle));
  }

  update(node) {
    if (node.is !== "number") return false;
    this.number = node.number;
    say(this.text, node.number !== null && node.text.length > 12 ? format.number(node.number) : node.text);
    this.text.title = node.text;
    return true;
  }

  numbers() {
    return this.number === null ? new Map() : new Map([[this.key, this.number]]);
  }
}

class Plain {
  constructor(kind) {
    this.is = kind;
    this.node = element("span", { class: kind });
  }

  update(node) {
    if (node.is !== this.is) return false;
    say(this.node, this.textOf(node));
    return true;
  }

  numbers() {
    return new Map();
  }
}

class WordView extends Plain {
  constructor() {
    super("word");
  }

  textOf(node) {
    return node.text;
  }
}

class TextView extends Plain {
  constructor() {
    super("text");
  }

  textOf(node) {
    return node.length > node.text.length ? `${node.text} … ${node.length} characters` : node.text;
  }
}

class BytesView {
  constructor(node, place) {
    this.start = place.start ?? 0;
    this.size = element("span", { class: "quiet" });
    this.dump = element("pre", { class: "code" });
    this.node = element("div", { class: "block" }, this.size, this.dump);
  }

  update(node) {
    if (node.is !== "bytes") return false;
    const more = node.size * 2 > node.hex.length ? `, the first ${node.hex.length / 2} are` : "";
    say(this.size, `${node.size} bytes${more}`);
    say(this.dump, dumpOf(node.hex, this.start));
    this.dump.hidden = node.size === 0;
    return true;
  }

  numbers() {
    return new Map();
  }
}

function dumpOf(hex, start) {
  const pairs = hex.match(/../g) ?? [];
  const lines = [];
  for (let at = 0; at < pairs.length; at += BYTES_IN_A_LINE) {
    const line = pairs.slice(at, at + BYTES_IN_A_LINE);
    const codes = line.map((pair) => parseInt(pair, 16));
    const text = codes.map((code) => (code >= 32 && code < 127 ? String.fromCharCode(code) : ".")).join("");
    lines.push(`${(start + at).toString(16).padStart(8, "0")}  ${line.join(" ").padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}

class Branch {
  constructor(parts, place) {
    this.names = JSON.stringify(parts.map(([name]) => name));
    this.views = parts.map(([name, part]) => viewOf(part, { ...place, path: [...place.path, name] }));
    this.values = this.views.map((view) => element("td", {}, view.node));
    const rows = parts.map(([name], index) => element("tr", {}, element("th", { scope: "row" }, name), this.values[index]));
    this.place = place;
    this.node = element("table", { class: "branch" }, element("tbody", {}, ...rows));
  }

  update(parts, version) {
    if (JSON.stringify(parts.map(([name]) => name)) !== this.names) return false;
    parts.forEach(([name, part], index) => {
      if (this.views[index].update(part, version)) return;
      this.views[index] = viewOf(part, { ...this.place, path: [...this.place.path, name] });
      this.views[index].update(part, version);
      this.values[index].replaceChildren(this.views[index].node);
    });
    return true;
  }

  numbers() {
    return new Map(this.views.flatMap((view) => [...view.numbers()]));
  }
}

class BranchView {
  constructor(node, place) {
    this.is = node.is;
    this.branch = new Branch(node.parts, place);
    this.more = element("p", { class: "quiet" });
    this.node = element("div", { class: "block" }, this.branch.node, this.more);
  }

  update(node, version) {
    if (node.is !== this.is || !this.branch.update(node.parts, version)) return false;
    const left = node.length - node.parts.length;
    const nothing = node.is === "fields" ? "no fields" : "no items";
    say(this.more, left ? `… and ${left} more` : node.length ? "" : nothing);
    this.more.hidden = node.length > 0 && left === 0;
    return true;
  }

  numbers() {
    return this.branch.numbers();
  }
}

class ArrayView {
  constructor(node, place) {
    this.shape = JSON.stringify([node.shape, node.dtype]);
    this.place = place;
    const shape = node.shape.join(" x ");
    this.statistics = new Branch(Object.entries(node.statistics), place);
    this.statistics.node.classList.add("statistics");
    this.parts = node.parts ? new Branch(node.parts, place) : null;
    this.pictures = node.views.filter((view) => PICTURES[view]).map((view) => new PICTURES[view](node, place));
    this.node = element(
      "div", { class: "block" },
      element("span", { class: "quiet" }, `array of ${shape} ${node.dtype}, ${format.bytes(node.bytes)}`),
      this.parts ? this.parts.node : this.statistics.node, ...this.pictures.map((picture) => picture.node),
    );
  }

  update(node, version) {
    if (node.is !== "array" || JSON.stringify([node.shape, node.dtype]) !== this.shape) return false;
    const fits = this.parts ? this.parts.update(node.parts, version) : this.statistics.update(Object.entries(node.statistics));
    if (!fits) return false;
    for (const picture of this.pictures) picture.update(node, version);
    return true;
  }

  numbers() {
    return this.parts ? this.parts.numbers() : this.statistics.numbers();
  }
}

class PickleView {
  constructor() {
    this.needs = element("p");
    this.code = element("pre", { class: "code tall" });
    this.node = element("div", { class: "block" }, this.needs, this.code);
  }

  update(node) {
    if (node.is !== "pickle") return false;
    const beside = node.buffers ? ` and ${node.buffers} buffers beside it` : "";
    const needs = node.needs.join(", ") || "nothing but plain Python";
    say(this.needs, `${format.bytes(node.size)}${beside}; it needs: ${needs}`);
    say(this.code, node.disassembly);
    return true;
  }

  numbers() {
    return new Map();
  }
}

const PICTURES = { image: ImageView, cloud: CloudView, line: LineView, flat: ImageView };
