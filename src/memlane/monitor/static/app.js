// Follows the address, listens to the stream, and hands what comes to the page that is shown.

import { say } from "./dom.js";
import { History } from "./history.js";
import { ObjectPage } from "./object.js";
import { Overview } from "./overview.js";

const PREFIX = "#/object/";

class Application {
  constructor() {
    this.place = document.getElementById("page");
    this.pulse = document.getElementById("pulse");
    this.shared = { rates: new History(), latencies: new History(), write: false };
    this.source = null;
    this.page = null;
    addEventListener("hashchange", () => this.show());
    // Who does not look costs nothing.
    document.addEventListener("visibilitychange", () => this.listen());
    this.show();
  }

  show() {
    const name = location.hash.startsWith(PREFIX) ? decodeURIComponent(location.hash.slice(PREFIX.length)) : null;
    this.name = name;
    this.page?.close();
    this.page = name === null ? new Overview(this.shared) : new ObjectPage(name, this.shared);
    this.place.replaceChildren(this.page.node);
    document.title = name === null ? "memlane monitor" : `${name} – memlane monitor`;
    scrollTo(0, 0);
    this.listen();
  }

  listen() {
    this.source?.close();
    this.source = null;
    if (document.hidden) return;
    this.source = new EventSource(this.name === null ? "events" : `events?name=${encodeURIComponent(this.name)}`);
    this.source.addEventListener("hello", (event) => this.greet(JSON.parse(event.data)));
    this.source.addEventListener("look", (event) => this.look(JSON.parse(event.data)));
    this.source.addEventListener("object", (event) => this.page.object?.(JSON.parse(event.data)));
    this.source.addEventListener("error", () => this.lose());
  }

  lose() {
    const refused = this.source?.readyState === EventSource.CLOSED; // whoever listens there now has another token
    this.beat("bad", refused ? "the monitor has ended; open the address of the new one" : "no connection; trying again");
  }

  greet({ write }) {
    this.shared.write = write;
    const mode = document.getElementById("mode");
    say(mode, write ? "writes allowed" : "read-only");
    mode.className = write ? "badge warn" : "badge";
  }

  look(seen) {
    say(document.getElementById("directory"), seen.directory);
    if (seen.error) {
      this.beat("bad", seen.error);
      return;
    }
    this.beat("good", `live, ${new Date(seen.at * 1000).toLocaleTimeString([], { hour12: false })}`);
    this.shared.rates.push(seen.at, new Map(seen.objects.map((item) => [item.name, item.into ?? null])));
    const answered = seen.objects.filter((item) => item.kind === "function");
    this.shared.latencies.push(seen.at, new Map(answered.map((item) => [item.name, item.latency])));
    this.page.look(seen);
  }

  beat(state, text) {
    this.pulse.className = `pulse ${state}`;
    say(this.pulse, text);
  }
}

new Application();
