// Writes, where the monitor was started with --allow-write.

import { element, panel, say } from "./dom.js";

async function send(asked, note) {
  const answer = await fetch("write", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(asked) });
  const text = answer.ok ? (await answer.json()).done : await answer.text();
  note.className = answer.ok ? "quiet" : "wrong";
  say(note, text.trim());
}

function form(input, label, askedOf) {
  const note = element("span", { class: "quiet", role: "status" });
  const made = element("form", { class: "write" }, input, element("button", { type: "submit" }, label), note);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    send(askedOf(input.value), note).catch((error) => say(note, String(error)));
  });
  return made;
}

export function valueForm(name) {
  const input = element("input", { placeholder: "JSON, or text", "aria-label": "new value", required: "" });
  return panel("Write", form(input, "Write", (value) => ({ name, value })));
}

export function parameterForm(name, parameter) {
  const input = element("input", { placeholder: parameter.type, "aria-label": `new ${parameter.name}`, required: "" });
  return form(input, "Request", (value) => ({ name, parameter: parameter.name, value }));
}
