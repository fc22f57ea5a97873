// What pictures of arrays have in common: their bytes come one request after another, each for the newest version.

import { element, say } from "./dom.js";

export class Picture {
  constructor(place, path) {
    this.place = place;
    this.path = path;
    this.canvas = element("canvas");
    this.note = element("p", { class: "quiet" });
    this.node = element("figure", {}, this.canvas, this.note);
    this.version = null;
    this.busy = false;
  }

  // Asks for the bytes of a version that was not drawn yet; `more` goes into the request.
  async fetch(version, more = {}) {
    if (this.busy || version === this.version) return;
    this.busy = true;
    const asked = new URLSearchParams({ name: this.place.name, path: JSON.stringify(this.place.path), ...more });
    try {
      const answer = await fetch(`${this.path}?${asked}`);
      this.version = version;
      say(this.note, answer.ok ? "" : await answer.text());
      if (answer.ok) this.draw(await answer.arrayBuffer());
    } catch (error) {
      say(this.note, String(error));
    } finally {
      this.busy = false;
    }
  }
}
