// An array as an image. One that has all its pixels in one row is drawn when somebody says its shape.

import { element } from "./dom.js";
import { Picture } from "./picture.js";

const HEADER = 8;

export class ImageView extends Picture {
  constructor(node, place) {
    super(place, "pixels");
    this.node.classList.add("image");
    this.canvas.hidden = true;
    if (node.views.includes("flat")) this.askForShape(node.shape[0]);
  }

  askForShape(size) {
    this.kept = `memlane shape of ${this.place.name} ${JSON.stringify(this.place.path)}`;
    this.shape = element("input", { placeholder: "rows x columns x channels", "aria-label": "shape", pattern: "\\d+(x\\d+){1,2}" });
    this.shape.value = localStorage.getItem(this.kept) ?? "";
    this.shape.addEventListener("change", () => {
      this.version = null;
      localStorage.setItem(this.kept, this.shape.value);
    });
    this.node.prepend(element("label", { class: "quiet" }, `${size} numbers, as an image of `, this.shape));
  }

  update(node, version) {
    if (!this.shape) this.fetch(version);
    else if (this.shape.value && this.shape.checkValidity()) this.fetch(version, { shape: this.shape.value });
  }

  draw(content) {
    const [width, height] = new Uint32Array(content, 0, 2);
    this.canvas.hidden = false;
    this.canvas.width = width;
    this.canvas.height = height;
    const pixels = new ImageData(new Uint8ClampedArray(content, HEADER), width, height);
    this.canvas.getContext("2d").putImageData(pixels, 0, 0);
  }
}
