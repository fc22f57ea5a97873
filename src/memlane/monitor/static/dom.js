// Elements, made without markup: names and values are whatever somebody wrote, and stay text.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function drawing(tag, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// Sets a text only where it changed, so that what the reader has marked stays marked.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function panel(title, ...children) {
  return element("section", { class: "panel" }, element("h2", {}, title), ...children);
}

// A table without rows; each head is a text and, where there is one, the class of its cell.
export function table(name, heads) {
  const cells = heads.map(([text, kind]) => element("th", { class: kind, scope: "col" }, text));
  return element("table", { id: name }, element("thead", {}, element("tr", {}, ...cells)), element("tbody"));
}

// The address of an object's page; null for a name that no address can hold.
export function addressOf(name) {
  try {
    return `#/object/${encodeURIComponent(name)}`;
  } catch {
    return null;
  }
}

export function linkTo(name) {
  const address = addressOf(name);
  return address === null ? element("span", {}, name) : element("a", { href: address }, name);
}

// Keeps one row for each key, in the order of the items: rows are made once and then filled again and again.
export class Rows {
  constructor(body, make) {
    this.body = body;
    this.make = make;
    this.rows = new Map();
  }

  show(items, keyOf) {
    const wanted = new Map(items.map((item) => [keyOf(item), item]));
    for (const [key, row] of this.rows) {
      if (!wanted.has(key)) {
        row.node.remove();
        this.rows.delete(key);
      }
    }
    let at = 0;
    for (const [key, item] of wanted) {
      let row = this.rows.get(key);
      if (!row) this.rows.set(key, (row = this.make(item)));
      row.fill(item);
      if (this.body.children[at] !== row.node) this.body.insertBefore(row.node, this.body.children[at] ?? null);
      at += 1;
    }
  }
}
