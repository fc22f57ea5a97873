// What is wrong, the critical things first.

import { element, linkTo, panel, Rows, say } from "./dom.js";
import * as format from "./format.js";

class AlarmRow {
  constructor(alarm, named) {
    this.text = element("span", { class: "text" });
    this.since = element("span", { class: "quiet since" });
    this.node = element(
      "li", { class: alarm.critical ? "bad" : "warn" },
      element("span", { class: `badge ${alarm.critical ? "bad" : "warn"}` }, alarm.what),
      named ? null : linkTo(alarm.name), this.text, this.since,
    );
  }

  fill(alarm) {
    say(this.text, alarm.text);
    say(this.since, `for ${format.duration(alarm.at - alarm.since)}`);
  }
}

// Makes a panel of alarms; `named` leaves out the name, on the page of the object that it is about.
export function alarmList(named) {
  const list = element("ul", { class: "alarms" });
  const rows = new Rows(list, (alarm) => new AlarmRow(alarm, named));
  const calm = element("p", { class: "calm" }, "Nothing is wrong.");
  const node = panel("Alarms", calm, list);
  const keyOf = (alarm) => `${alarm.critical} ${alarm.what} ${alarm.name} ${alarm.uuid} ${alarm.pid}`;
  return {
    node,
    show(alarms, at) {
      calm.hidden = alarms.length > 0;
      node.classList.toggle("raised", alarms.length > 0);
      node.hidden = named && alarms.length === 0;
      rows.show(alarms.map((alarm) => ({ ...alarm, at })), keyOf);
    },
  };
}
