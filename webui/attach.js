// Files for the next message, read and counted before it is sent.

import { number, t } from "./i18n.js";
import { $, button, element, on } from "./view.js";

const FILES = 20;
const FILE_MB = 16;
const EDGE_PX = 1280;

/** Items keep a `file`: `{name, type, text, tokens}` or `{name, type, url}`. */
export class Attachments {
  /** page: {sees(): pictures, count(text) and room(): tokens}. */
  constructor(page) {
    this.page = page;
    on("attach", "click", () => $("pick").click());
    on("pick", "change", () => this.add($("pick").files));
    for (const type of ["dragover", "drop"]) addEventListener(type, (event) => this.drag(event, event.dataTransfer));
    addEventListener("paste", ({ clipboardData: { files, types } }) => types.includes("text/plain") || this.add(files));
  }

  get reading() { return $("files").querySelector(".soft") !== null; }

  get files() { return [...$("files").children].flatMap(({ file }) => file ?? []); }

  take() {
    const { files } = this;
    $("files").replaceChildren();
    this.update();
    return files;
  }

  async add(list) {
    if (!list.length || $("composer").hidden || document.querySelector("dialog[open]")) return;
    $("files").querySelectorAll(".problem").forEach((old) => old.remove());
    const added = [...list].slice(0, FILES + 1).map((source) => [source, this.item(source.name)]);
    $("pick").value = "";
    for (const [source, item] of added) {
      let said = "✓";
      try {
        item.file = await this.read(source);
        if (item.file.text) said = t("{0} tokens", number(item.file.tokens));
      } catch ({ name, message }) { // the platform's errors have other names
        said = name === "Error" ? message : t("Only text, PDF and pictures can be read.");
      }
      item.className = item.file ? "file" : "problem";
      item.firstChild.data = `${source.name}: ${said}`;
      this.update();
    }
  }

  item(name) {
    const remove = button("×", () => {
      item.remove();
      this.update();
      $("input").focus();
    }, "icon");
    remove.ariaLabel = t("Remove {0}", name);
    const item = element("li", { class: "soft" }, `${name}: ${t("Reading…")}`, remove);
    $("files").append(item);
    return item;
  }

  /** Throws an Error with a sentence. */
  async read(source) {
    const { name, size, type } = source;
    if (this.files.length === FILES) refuse(t("At most {0} files.", FILES));
    if (size > FILE_MB << 20) refuse(t("Larger than {0} MB.", FILE_MB));
    if (/^image\/(?!svg)/.test(type)) {
      if (!this.page.sees()) refuse(t("This model reads text only."));
      return { name, type: "image/jpeg", url: await picture(source) };
    }
    const bytes = new Uint8Array(await source.arrayBuffer());
    const isPdf = textFrom(bytes.slice(0, 5)) === "%PDF-";
    const text = isPdf ? await (await import("./pdf.js")).textOf(bytes) : textFrom(bytes);
    if (!text.trim()) refuse(t("It has no text, as scans have none."));
    return { name, type: isPdf ? "application/pdf" : "text/plain", text, tokens: await this.page.count(text) };
  }

  update() {
    const sum = this.files.reduce((total, { tokens = 0 }) => total + tokens, 0);
    const room = this.page.room();
    $("sum").textContent = sum ? t("{0} tokens in files, {1} fit", number(sum), number(room)) : "";
    $("sum").className = sum > room ? "problem" : "soft";
  }

  drag(event, { files, types }) {
    if (!types.includes("Files")) return;
    event.preventDefault();
    if (event.type === "drop") this.add(files);
  }
}

function refuse(sentence) {
  throw new Error(sentence);
}

/** UTF-8, UTF-16 with its mark, or Windows; throws TypeError. */
export function textFrom(bytes) {
  const decode = (label) => new TextDecoder(label).decode(bytes);
  const text = decode(bytes[0] === 0xff ? "utf-16le" : "utf-8");
  const meant = text.includes("\ufffd") ? decode("windows-1252") : text;
  if (/[\0-\x08]/.test(meant)) throw new TypeError();
  return meant;
}

/** A JPEG, no larger than a model sees it. */
async function picture(source) {
  const image = await createImageBitmap(source);
  const shrink = Math.max(1, image.width / EDGE_PX, image.height / EDGE_PX);
  const [width, height] = [Math.ceil(image.width / shrink), Math.ceil(image.height / shrink)];
  const context = element("canvas", { width, height }).getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  return context.canvas.toDataURL("image/jpeg");
}
