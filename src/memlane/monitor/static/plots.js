// Lines over time, drawn by uPlot.

/* global uPlot */

import { element, panel } from "./dom.js";

const HEIGHT = 190;
const COLOURS = 8;
const SECONDS_SHOWN = 120;

const dark = matchMedia("(prefers-color-scheme: dark)");

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export class Plot {
  // `format` words the numbers of the axis and of the legend; `moving` shows the last two minutes, else all of x.
  constructor(title, format, { moving = true } = {}) {
    this.place = element("div", { class: "plot" });
    this.note = element("p", { class: "quiet" }, "nothing yet");
    this.node = panel(title, this.place, this.note);
    this.format = format;
    this.moving = moving;
    this.labels = null;
    this.plot = null;
    this.sized = new ResizeObserver(() => this.fit());
    this.sized.observe(this.place);
    this.recolour = () => (this.labels = null);
    dark.addEventListener("change", this.recolour);
  }

  // Draws series of [label, values]; an empty list shows the note instead.
  draw(times, series, note = "nothing yet") {
    this.note.hidden = series.length > 0;
    this.note.textContent = note;
    this.place.hidden = series.length === 0;
    if (series.length === 0) return;
    const labels = JSON.stringify(series.map(([label]) => label));
    const data = [times, ...series.map(([, values]) => values)];
    if (labels !== this.labels) {
      this.labels = labels;
      this.plot?.destroy();
      this.plot = new uPlot(this.options(series), data, this.place);
    } else {
      this.plot.setData(data);
    }
    if (!this.moving) return;
    if (this.plot.cursor.idx === null || this.plot.cursor.left < 0) this.plot.setLegend({ idx: times.length - 1 });
  }

  options(series) {
    const axis = {
      stroke: colour("muted"),
      grid: { stroke: colour("line"), width: 1 },
      ticks: { stroke: colour("line"), width: 1, size: 4 },
      font: "11px system-ui, sans-serif",
    };
    const shown = (plot, low, high) => (this.moving ? [Math.max(low, high - SECONDS_SHOWN), high] : [low, high]);
    return {
      width: this.place.clientWidth || 400,
      height: HEIGHT,
      legend: { show: this.moving },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: this.moving, range: shown }, y: { range: padded } },
      axes: [
        { ...axis, size: 28, space: 80, ...(this.moving ? { values: "{HH}:{mm}:{ss}" } : {}) },
        { ...axis, size: 62, space: 34, values: (plot, ticks) => ticks.map((tick) => this.format(tick)) },
      ],
      series: [
        this.moving ? { value: "{HH}:{mm}:{ss}", label: "time" } : { label: "element" },
        ...series.map(([label], number) => ({
          label,
          stroke: colour(`series-${number % COLOURS}`),
          width: 1.8,
          points: { show: false },
          value: (plot, value) => this.format(value),
        })),
      ],
    };
  }

  fit() {
    const width = this.place.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  close() {
    dark.removeEventListener("change", this.recolour);
    this.sized.disconnect();
    this.plot?.destroy();
  }
}

// Leaves air above and below; what never falls below zero begins there.
function padded(plot, low, high) {
  if (low === null || high === null) return [0, 1];
  const air = (high - low || Math.abs(high) || 1) * 0.08;
  return [low >= 0 && low <= (high - low) * 2 ? 0 : low - air, high + air];
}
