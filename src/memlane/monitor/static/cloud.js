// Points in space: turned by dragging, brought nearer by the wheel.

import { element } from "./dom.js";
import { Picture } from "./picture.js";
import { colour } from "./plots.js";

const WIDTH = 640;
const HEIGHT = 420;
const NUMBERS = 4;
const SIZE = 2;
const SHADES = 64;
// From little to much: distinct for every eye, and visible on dark and on light.
const STOPS = [[72, 90, 200], [40, 150, 190], [60, 185, 120], [190, 195, 50], [240, 130, 50]];

export class CloudView extends Picture {
  constructor(node, place) {
    super(place, "points");
    this.node.classList.add("cloud");
    this.canvas.width = WIDTH;
    this.canvas.height = HEIGHT;
    this.turned = 0.6;
    this.raised = 0.5;
    this.scale = 1;
    this.points = new Float32Array(0);
    this.node.append(element("p", { class: "quiet" }, "drag to turn, wheel to come nearer"));
    this.canvas.addEventListener("pointermove", (event) => this.drag(event));
    this.canvas.addEventListener("wheel", (event) => this.zoom(event), { passive: false });
  }

  update(node, version) {
    this.fetch(version);
  }

  draw(content) {
    this.points = new Float32Array(content);
    this.paint();
  }

  drag(event) {
    if (!event.buttons) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.turned += event.movementX * 0.01;
    this.raised = Math.min(1.57, Math.max(-1.57, this.raised + event.movementY * 0.01));
    this.paint();
  }

  zoom(event) {
    event.preventDefault();
    this.scale *= Math.exp(-event.deltaY * 0.001);
    this.paint();
  }

  paint() {
    const paper = this.canvas.getContext("2d");
    paper.fillStyle = colour("ground");
    paper.fillRect(0, 0, WIDTH, HEIGHT);
    const count = this.points.length / NUMBERS;
    if (count === 0) return;
    const bounds = boundsOf(this.points);
    const size = Math.max(...[0, 1, 2].map((axis) => bounds[axis][1] - bounds[axis][0])) || 1;
    const zoom = ((HEIGHT * 0.62) / size) * this.scale;
    const [cosine, sine] = [Math.cos(this.turned), Math.sin(this.turned)];
    const [high, low] = [Math.cos(this.raised), Math.sin(this.raised)];
    const middle = bounds.map(([least, most]) => (least + most) / 2);
    const [least, most] = bounds[3];
    const groups = Array.from({ length: SHADES }, () => []);
    for (let at = 0; at < this.points.length; at += NUMBERS) {
      const x = this.points[at] - middle[0];
      const y = this.points[at + 1] - middle[1];
      const z = this.points[at + 2] - middle[2];
      const across = x * cosine - y * sine;
      const away = x * sine + y * cosine;
      const shade = Math.floor(((this.points[at + 3] - least) / (most - least || 1)) * (SHADES - 1)) || 0;
      groups[shade].push(WIDTH / 2 + across * zoom, HEIGHT / 2 - (z * high - away * low) * zoom);
    }
    groups.forEach((group, shade) => {
      paper.fillStyle = shadeOf(shade / (SHADES - 1));
      for (let at = 0; at < group.length; at += 2) paper.fillRect(group[at], group[at + 1], SIZE, SIZE);
    });
  }
}

function boundsOf(points) {
  const bounds = Array.from({ length: NUMBERS }, () => [Infinity, -Infinity]);
  for (let at = 0; at < points.length; at += 1) {
    const bound = bounds[at % NUMBERS];
    if (points[at] < bound[0]) bound[0] = points[at];
    if (points[at] > bound[1]) bound[1] = points[at];
  }
  return bounds;
}

function shadeOf(part) {
  const at = Math.min(part * (STOPS.length - 1), STOPS.length - 1.001);
  const [left, right] = [STOPS[Math.floor(at)], STOPS[Math.floor(at) + 1]];
  const mixed = left.map((value, index) => Math.round(value + (right[index] - value) * (at % 1)));
  return `rgb(${mixed.join(",")})`;
}
