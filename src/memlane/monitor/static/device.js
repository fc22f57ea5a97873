// A device: each parameter with what it reported, what is requested, and where its limits are.

import { element, say } from "./dom.js";
import * as format from "./format.js";
import { parameterForm } from "./write.js";
import { chooser, viewOf } from "./value.js";

export class DevicePanel {
  constructor(name, told, { write, toggle }) {
    this.made = namesOf(told);
    this.valid = element("span", { class: "badge" });
    this.rows = told.parameters.map((parameter) => new ParameterRow(name, parameter, { write, toggle }));
    this.fields = viewOf(told.fields, { name, path: ["fields"], toggle, plots: [] });
    const heads = ["Parameter", "Reported", "Limits", "Requested", ...(write ? ["Request"] : [])];
    this.node = element(
      "div", { class: "device" },
      element("p", {}, element("strong", {}, told.type), " ", this.valid),
      told.known ? null : element("p", { class: "quiet" }, "Its type is not in the catalog: limits are not known."),
      element(
        "div", { class: "scroll" },
        element(
          "table", {},
          element("thead", {}, element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)))),
          element("tbody", {}, ...this.rows.map((row) => row.node)),
        ),
      ),
      this.fields.node,
    );
    this.fields.node.hidden = told.fields.length === 0;
  }

  fits(told) {
    return namesOf(told) === this.made;
  }

  fill(told) {
    say(this.valid, told.valid ? "valid" : "not valid");
    this.valid.className = `badge ${told.valid ? "good" : "bad"}`;
    told.parameters.forEach((parameter, index) => this.rows[index].fill(parameter));
    this.fields.update(told.fields);
  }

  numbers() {
    return new Map(this.rows.flatMap((row) => (row.number === null ? [] : [[row.key, row.number]])));
  }
}

function namesOf(told) {
  return JSON.stringify([told.type, told.parameters.map((parameter) => [parameter.name, parameter.type])]);
}

class ParameterRow {
  constructor(name, parameter, { write, toggle }) {
    this.key = parameter.name;
    this.number = null;
    this.value = element("span", { class: "number" });
    this.requested = element("td", { class: "number" });
    const limited = parameter.lower !== null && parameter.upper !== null;
    this.gauge = limited ? element("meter", { min: parameter.lower, max: parameter.upper }) : null;
    const writeable = parameter.access.includes("writeable");
    this.node = element(
      "tr", {},
      element("th", { scope: "row" }, parameter.name, " ", element("span", { class: "quiet" }, parameter.type)),
      element("td", {}, this.value, parameter.value?.is === "number" ? chooser(this.key, toggle) : null),
      element("td", { class: "limits" }, ...limitsOf(parameter, this.gauge)),
      this.requested,
      write ? element("td", {}, writeable ? parameterForm(name, parameter) : null) : null,
    );
  }

  fill(parameter) {
    this.number = parameter.value?.is === "number" ? parameter.value.number : null;
    say(this.value, textOf(parameter.value));
    say(this.requested, textOf(parameter.requested));
    if (this.gauge && this.number !== null) this.gauge.value = this.number;
  }
}

function limitsOf(parameter, gauge) {
  const text = (limit) => element("span", { class: "quiet" }, limit === null ? "" : format.number(limit));
  return [text(parameter.lower), gauge, text(parameter.upper)].filter((part) => part !== null);
}

function textOf(node) {
  if (node === null) return format.NOTHING;
  if (node.is === "number" && node.number !== null) return format.number(node.number);
  if (node.is === "items") return node.parts.map(([, part]) => textOf(part)).join(", ");
  return node.is === "bytes" ? node.hex : node.text;
}
