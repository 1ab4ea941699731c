// The notebook: a text that the model goes on with, and what else it could have written at each token.
//
// A field holds the text. The same text lies below it, unseen, in pieces: so each token has its place and its mark.

import { completion } from "./api.js";
import { number, t } from "./i18n.js";
import { $, button, element, notice, on } from "./view.js";

const LONGEST = 512;
const DWELL_MS = 150;
const NEAR_PX = 80;

export class Notebook {
  pieces = []; // {text, node, options, run}; what a person wrote has no options
  queue = []; // pieces that the next frame shows
  running = null;
  told = null; // the piece whose options are shown

  /** body(): how is to be sampled; changed(): the text is another. */
  constructor(page) {
    this.page = page;
    const [field, options] = [$("draft"), $("options")];
    field.addEventListener("input", () => this.edit());
    on("draft", "keydown", () => this.generate(), (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey));
    on("draft", "keydown", () => this.tell(this.at(field.selectionStart), true), (event) => event.key === "ArrowDown" && event.altKey);
    on("generate", "click", () => (this.running ? this.stop() : this.generate()));
    on("undo", "click", () => this.set(this.pieces.filter(({ run }) => run !== this.run)));
    for (const type of ["pointermove", "click"]) field.addEventListener(type, (event) => this.dwell(this.under(event)));
    for (const part of [field, options]) part.addEventListener("pointerleave", () => this.dwell(null));
    options.addEventListener("pointerenter", () => clearTimeout(this.timer));
    on("options", "keydown", (event) => this.move(event), ({ key }) => key.startsWith("Arrow"));
    $("scroll").addEventListener("scroll", () => this.place(), { passive: true });
    addEventListener("focusin", ({ target }) => options.contains(target) || this.tell(null));
    addEventListener("keydown", (event) => event.key === "Escape" && this.told && this.escape(event), true);
  }

  get run() { return this.pieces.reduce((last, { run }) => Math.max(last, run), 0); }

  show(conversation) {
    this.conversation = conversation;
    this.set([written(conversation.text)]);
    $("notebook").hidden = false;
    $("draft").focus();
  }

  hide() {
    this.stop();
    this.tell(null);
    $("notebook").hidden = true;
  }

  async generate() {
    if (this.running) return;
    const controller = (this.running = new AbortController());
    const run = this.run + 1;
    const body = { max_tokens: LONGEST, ...this.page.body(), prompt: this.conversation.text, n_probs: 5, cache_prompt: true };
    notice("");
    this.update();
    try {
      for await (const event of completion(body, controller.signal)) {
        if (this.running !== controller) return;
        this.queue.push(...piecesOf(event).map(({ text, options }) => generated(text, options, run)));
        this.frame ||= requestAnimationFrame(() => this.draw());
      }
    } catch (error) {
      if (error.name !== "AbortError") notice(error.message);
    }
    if (this.running === controller) this.stop();
  }

  stop() {
    if (!this.running) return;
    this.running.abort();
    this.running = null;
    this.draw();
    this.update();
  }

  /** Show what has come; the end stays in sight. */
  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.queue.length) return;
    const { scrollHeight, scrollTop, clientHeight } = $("scroll");
    const [field, text, end] = [$("draft"), textOf(this.queue), this.conversation.text.length];
    field.setRangeText(text, end, end, field.selectionStart === end ? "end" : "preserve");
    $("tokens").append(...this.queue.map(({ node }) => node));
    this.pieces.push(...this.queue.splice(0));
    this.keep(this.conversation.text + text);
    if (scrollHeight - scrollTop - clientHeight < NEAR_PX) $("scroll").scrollTop = $("scroll").scrollHeight;
  }

  /** Somebody wrote: what that touches becomes one written piece, and all tokens elsewhere stay what they are. */
  edit() {
    this.queue = [];
    this.stop();
    const [{ pieces }, before, after] = [this, this.conversation.text, $("draft").value];
    const most = Math.min(before.length, after.length);
    let [head, tail, first, from, last, to] = [0, 0, 0, 0, pieces.length, 0];
    while (head < most && before[head] === after[head]) head += 1;
    while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
    while (first < last && from + pieces[first].text.length <= head) from += pieces[first++].text.length;
    while (first < last && to + pieces[last - 1].text.length <= tail) to += pieces[--last].text.length;
    while (first && !pieces[first - 1].options) from -= pieces[--first].text.length;
    while (last < pieces.length && !pieces[last].options) to -= pieces[last++].text.length;
    const made = written(after.slice(from, after.length - to));
    for (const { node } of pieces.splice(first, last - first, made)) node.remove();
    $("tokens").insertBefore(made.node, pieces[first + 1]?.node ?? null);
    this.keep(after);
    this.tell(null);
    this.update();
  }

  /** Let the text be made of these pieces. */
  set(pieces) {
    this.pieces = pieces;
    $("tokens").replaceChildren(...pieces.map(({ node }) => node));
    this.keep($("draft").value = textOf(pieces));
    this.tell(null);
    this.update();
  }

  keep(text) {
    if (text === this.conversation.text) return;
    this.conversation.text = text;
    this.page.changed();
  }

  update() {
    $("generate").textContent = this.running ? t("Stop") : t("Generate");
    $("undo").disabled = this.running || !this.run;
    document.body.classList.toggle("busy", this.running !== null);
  }

  // ---- what else could stand there

  /** The token at a place in the text, or the nearest one. */
  at(place) {
    let end = 0;
    const near = this.pieces.find(({ text, options }) => (end += text.length) >= place && options);
    return near ?? this.pieces.findLast(({ options }) => options);
  }

  under({ clientX, clientY }) {
    const node = document.elementsFromPoint(clientX, clientY).find(({ parentNode }) => parentNode === $("tokens"));
    return node && this.pieces.find((piece) => piece.node === node);
  }

  dwell(piece) {
    clearTimeout(this.timer);
    if (!$("options").contains(document.activeElement)) this.timer = setTimeout(() => this.tell(piece), DWELL_MS);
  }

  /** Show the options of a piece, and go there if `enter`; nothing is shown of what has none. */
  tell(piece, enter = false) {
    clearTimeout(this.timer);
    if (this.told === piece && !enter) return;
    this.told?.node.classList.remove("told");
    this.told = piece?.options ? piece : null;
    $("options").hidden = !this.told;
    if (!this.told) return;
    piece.node.classList.add("told");
    $("options").replaceChildren(...piece.options.map((option) => this.option(piece, option)));
    if (enter) piece.node.scrollIntoView({ block: "nearest" });
    this.place();
    if (enter) ($("options").querySelector("[aria-selected=true]") ?? $("options").firstChild).focus();
  }

  option(piece, { text, share }) {
    const made = button("", () => this.choose(piece, text));
    made.setAttribute("role", "option");
    made.setAttribute("aria-selected", String(text === piece.text));
    made.append(element("code", {}, text.replaceAll(" ", "␣").replaceAll("\n", "⏎")), ` ${number(Math.round(share * 1000) / 10)} %`);
    return made;
  }

  place() {
    if (!this.told) return;
    const [box, { left, top, bottom }] = [$("options"), this.told.node.getBoundingClientRect()];
    box.style.left = `${Math.max(0, Math.min(left, innerWidth - box.offsetWidth - 8))}px`;
    box.style.top = `${bottom + box.offsetHeight < innerHeight ? bottom : top - box.offsetHeight}px`;
  }

  /** Up and down: another option; left and right: another token. */
  move({ key, target }) {
    if (key === "ArrowDown") target.nextSibling?.focus();
    else if (key === "ArrowUp") target.previousSibling?.focus();
    else {
      const tokens = this.pieces.filter(({ options }) => options);
      const next = tokens[tokens.indexOf(this.told) + (key === "ArrowLeft" ? -1 : 1)];
      if (next) this.tell(next, true);
    }
  }

  escape(event) {
    event.stopPropagation();
    const inside = $("options").contains(document.activeElement);
    this.tell(null);
    if (inside) $("draft").focus();
  }

  /** Write another option in place of a token; what followed is dropped. */
  choose(piece, text) {
    this.stop();
    this.set([...this.pieces.slice(0, this.pieces.indexOf(piece)), generated(text, piece.options, piece.run)]);
    $("draft").focus();
    $("draft").setSelectionRange(this.conversation.text.length, this.conversation.text.length);
  }
}

const textOf = (pieces) => pieces.map(({ text }) => text).join("");

function written(source) {
  const text = source.replace(/\r\n?/g, "\n");
  return { text, node: document.createTextNode(text), options: null, run: 0 };
}

/** A piece by the model; the less sure it was, the stronger the mark. */
function generated(text, options, run) {
  const node = element("span", {}, text);
  node.style.setProperty("--doubt", 1 - (options.find((option) => option.text === text)?.share ?? 0));
  return { text, node, options, run };
}

/** The whole characters of an event as `{text, options: [{text, share}]}`; tokens that are parts of a character are joined. */
export function piecesOf({ content, completion_probabilities: tokens = [] }) {
  const found = [];
  let group = [];
  let rest = content;
  for (const token of tokens) {
    group.push(token);
    const text = characters(group.flatMap(({ bytes }) => bytes));
    if (!text || !rest.startsWith(text)) continue;
    found.push(piece(text, group));
    [group, rest] = [[], rest.slice(text.length)];
  }
  return rest ? [...found, piece(rest, group)] : found;
}

function piece(source, group) {
  const text = source.replace(/\r\n?/g, "\n");
  const share = Math.exp(group.reduce((sum, { logprob }) => sum + logprob, 0));
  const others = (group[0]?.top_logprobs ?? []).map(({ bytes, logprob }) => ({ text: characters(bytes), share: Math.exp(logprob) }));
  const options = [{ text, share }, ...others.filter((other) => other.text && other.text !== source)];
  return { text, options: options.sort((one, other) => other.share - one.share) };
}

/** The characters that bytes are; "" where one is not whole. */
function characters(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return "";
  }
}
