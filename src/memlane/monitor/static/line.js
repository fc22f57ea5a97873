// A one-dimensional array as a line over its indices.

import * as format from "./format.js";
import { Plot } from "./plots.js";

export class LineView {
  constructor(node, place) {
    this.plot = new Plot("", format.number, { moving: false });
    place.plots.push(this.plot);
    this.node = this.plot.place;
  }

  update(node) {
    if (!node.line) {
      this.node.hidden = true;
      return;
    }
    const indices = node.line.map((value, index) => index * node.step);
    this.plot.draw(indices, [["value", node.line]]);
  }
}
