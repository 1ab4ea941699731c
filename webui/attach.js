// Files that go with the next message: they are read here, and their tokens are counted before anything is sent.

import { number, t } from "./i18n.js";
import { textOf } from "./pdf.js";
import { $, button, element, on } from "./view.js";

const FILES = 20;
const FILE_MB = 16;
const TEXT_MB = 3; // as JSON: the server takes 4 in all
const EDGE_PX = 2048;
const PICTURE = 2e6;
const PICTURES = { "image/png": /^\x89PNG/, "image/jpeg": /^\xff\xd8\xff/, "image/gif": /^GIF8/, "image/webp": /^RIFF[^]{4}WEBP/ };

export class Attachments {
  files = []; // {source, chip, file}: `file` is what was read, null until then

  /** sees(): whether the model reads pictures; count(text): its tokens; room(): tokens that the context has left. */
  constructor(page) {
    this.page = page;
    on("attach", "click", () => $("pick").click());
    on("pick", "change", ({ target }) => {
      this.add(target.files);
      target.value = "";
    });
    for (const type of ["dragover", "dragleave", "drop"]) addEventListener(type, (event) => this.drag(event));
    addEventListener("paste", ({ clipboardData: { files, types } }) => types.includes("text/plain") || this.add(files));
  }

  /** Whether a file is still being read. */
  get reading() { return this.files.some(({ file }) => !file); }

  /** Gives what was read, and forgets it. */
  take() {
    const taken = this.files.flatMap(({ file }) => file ?? []);
    this.files = [];
    $("files").replaceChildren();
    this.update();
    return taken;
  }

  /** Read files, one after the other. */
  async add(list) {
    if (!list.length || $("composer").hidden || document.querySelector("dialog[open]")) return;
    document.querySelectorAll("#files .problem").forEach((old) => old.remove());
    const sources = [...list];
    const added = sources.splice(0, FILES - this.files.length).map((source) => ({ source, chip: element("li"), file: null }));
    for (const one of added) this.show(one, t("Reading…"), "soft");
    this.files.push(...added);
    const [extra] = sources;
    if (extra) this.show({ source: extra, chip: element("li") }, t("At most {0} files go with one message.", FILES), "problem");
    for (const one of added) if (this.files.includes(one)) await this.load(one);
  }

  async load(one) {
    const tell = (...said) => this.files.includes(one) && this.show(one, ...said);
    try {
      const file = await read(one.source, this.page.sees());
      if (file.text) file.tokens = await this.page.count(file.text);
      one.file = file;
      tell(view(file));
    } catch (error) {
      tell(error.message, "problem");
      this.drop(one);
    }
    this.update();
  }

  drop(one) { this.files = this.files.filter((other) => other !== one); }

  /** Show a file, or what is said of it, with a button that removes it. */
  show(one, said, kind = "") {
    const { source: { name }, chip } = one;
    const remove = button("×", () => {
      this.drop(one);
      chip.remove();
      this.update();
      $("input").focus();
    }, "icon");
    remove.setAttribute("aria-label", t("Remove {0}", name));
    chip.className = kind;
    chip.replaceChildren(typeof said === "string" ? `${name}: ${said}` : said, remove);
    if (!chip.isConnected) $("files").append(chip);
  }

  update() {
    const sum = this.files.reduce((tokens, { file }) => tokens + (file?.tokens ?? 0), 0);
    const room = Math.max(0, this.page.room());
    $("sum").textContent = sum ? t("{0} tokens in files, {1} fit", number(sum), number(room)) : "";
    $("sum").className = sum > room ? "problem" : "soft";
  }

  drag(event) {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("dropping", event.type === "dragover");
    if (event.type === "drop") this.add(event.dataTransfer.files);
  }
}

/** A file as it is read before it is sent: its text or picture. */
function view({ name, text, url, tokens }) {
  const title = element("summary", {}, url ? name : `${name} · ${t("{0} tokens", number(tokens))}`);
  const content = url ? element("img", { class: "picture", src: url, alt: name }) : element("pre", { tabindex: "0" }, text);
  return element("details", { class: "file" }, title, content);
}

/** What goes with the message: `{name, type, text}` or `{name, type, url}`. Throws an Error with a sentence. */
async function read(source, sees) {
  const { name, size } = source;
  if (size > FILE_MB << 20) refuse(t("It is larger than {0} MB.", FILE_MB));
  const bytes = new Uint8Array(await source.arrayBuffer().catch(() => refuse(t("The file cannot be read."))));
  const head = String.fromCharCode(...bytes.subarray(0, 1024));
  const kind = Object.keys(PICTURES).find((type) => PICTURES[type].test(head));
  if (kind && !sees) refuse(t("This model reads text only."));
  if (kind) return { name, ...(await picture(new Blob([bytes], { type: kind }))) };
  const isPdf = /^\s*%PDF-/.test(head);
  const text = isPdf ? await textOf(bytes) : textFrom(bytes);
  if (text === null) refuse(t("The file is neither text nor a PDF."));
  if (!text.trim()) refuse(isPdf ? t("The PDF has no text; its pages may be pictures.") : t("The file is empty."));
  if (new Blob([JSON.stringify(text)]).size > TEXT_MB << 20) refuse(t("It is larger than {0} MB.", TEXT_MB));
  return { name, type: isPdf ? "application/pdf" : "text/plain", text };
}

function refuse(sentence) {
  throw new Error(sentence);
}

/** The text that bytes are, in UTF-8, UTF-16 with its mark, or else in Windows' Latin-1; null where they are none. */
export function textFrom(bytes) {
  const mark = (bytes[0] << 8) | bytes[1];
  const first = mark === 0xfffe ? "utf-16le" : mark === 0xfeff ? "utf-16be" : "utf-8";
  for (const [label, wrong] of [[first, /\0/], ["windows-1252", /[\0-\x08\x0e-\x1a\x7f-\x9f]|[^\0-\x7f]{4}/]]) {
    try {
      const text = new TextDecoder(label, { fatal: true }).decode(bytes);
      if (!wrong.test(text)) return text;
    } catch {
      // not in this encoding
    }
  }
  return null;
}

/** A picture as an address of data: what is large, or no PNG or JPEG, becomes a smaller JPEG. */
async function picture(blob) {
  const image = await createImageBitmap(blob).catch(() => refuse(t("The file cannot be read.")));
  const scale = Math.min(1, EDGE_PX / Math.max(image.width, image.height));
  if (scale === 1 && blob.size <= PICTURE && /png|jpeg/.test(blob.type)) return { type: blob.type, url: await dataOf(blob) };
  const [width, height] = [image.width, image.height].map((edge) => Math.max(1, Math.round(edge * scale)));
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  for (let quality = 0.9; ; quality -= 0.2) {
    const url = canvas.toDataURL("image/jpeg", quality);
    if (url.length < PICTURE * 1.4 || quality < 0.3) return { type: "image/jpeg", url };
  }
}

const dataOf = (blob) => new Promise((resolve) =>
  Object.assign(new FileReader(), { onload: ({ target }) => resolve(target.result) }).readAsDataURL(blob));
