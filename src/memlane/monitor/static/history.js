// What was seen in the last two minutes, in columns as uPlot takes them.

const KEPT = 480;

export class History {
  constructor() {
    this.times = [];
    this.columns = new Map();
  }

  push(time, values) {
    for (const key of values.keys()) {
      if (!this.columns.has(key)) this.columns.set(key, this.times.map(() => null));
    }
    this.times.push(time);
    for (const [key, column] of this.columns) {
      column.push(values.get(key) ?? null);
      if (column.length > KEPT) column.shift();
      if (column.every((value) => value === null)) this.columns.delete(key);
    }
    if (this.times.length > KEPT) this.times.shift();
  }

  column(key) {
    return this.columns.get(key) ?? this.times.map(() => null);
  }

  keys() {
    return [...this.columns.keys()];
  }
}
