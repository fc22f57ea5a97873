// Numbers and times, as people read them; the same words as the command line has.

export const NOTHING = "–";

export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return NOTHING;
  if (perSecond === 0) return "0";
  let amount = perSecond;
  let unit = 0;
  while (amount >= 1000 && unit < 3) {
    amount /= 1000;
    unit += 1;
  }
  return amount.toFixed(amount < 10 || unit ? 1 : 0) + ["", "k", "M", "G"][unit];
}

export function bytes(count) {
  if (count === null || count === undefined) return NOTHING;
  let amount = count;
  let unit = 0;
  while (amount >= 1024 && unit < 4) {
    amount /= 1024;
    unit += 1;
  }
  return unit ? `${amount.toFixed(1)} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}` : `${Math.round(count)} B`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return NOTHING;
  if (seconds < 1) return `${Math.round(Math.max(seconds, 0) * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

export function latency(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  if (seconds < 1e-3) return `${Math.round(seconds * 1e6)} µs`;
  return seconds < 1 ? `${(seconds * 1e3).toFixed(1)} ms` : `${seconds.toFixed(2)} s`;
}

export function number(value) {
  if (value === null || value === undefined) return NOTHING;
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}
