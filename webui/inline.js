// What grows at its end: a paragraph's inline Markdown, and rows.
// The text is not trusted: only elements made here come out, and links that are `safe`; pictures are links.
// At most WINDOW characters are redrawn; what settles depends on the text, not on its pieces.

import { element } from "./view.js";

/** Characters of the longest emphasis, row or beginning of a line. */
export const LIMIT = 1000;

const WINDOW = 3 * LIMIT;
const DEPTH = 16;
const ROW = new RegExp(`[^]{1,${LIMIT}}`, "gu");
const TOKEN = new RegExp([
  /(?:[^\s\\`*_~$![<h]|\Bh|<(?!\w)|\[(?=\[)){1,99}\s*|\s+/,
  /(?<!`)(?<ticks>`+)(?!`)(?<code>[^]+?)(?<!`)\k<ticks>(?!`)/,
  /(?<math>\$(?=\S)(?:[^$\\\n]|\\.)+(?<=\S)\$(?!\w)|\\\((?:[^\\]|\\(?![()]))+\\\)|\$\$(?:[^$]|\$(?!\$))+\$\$|\\\[(?:[^\\]|\\(?![[\]]))+\\\])/,
  /\\(?<escaped>[!-/:-@[-`{-~\n])/,
  /(?<mark>\*{1,3}(?!\*)|_{1,3}(?!_)|~~(?!~))/,
  /!?\[(?<label>(?:[^[\]\\\n]|\\.|\[[^[\]\n]{0,300}\]){0,500})\]\((?<to>(?:[^\s()<]|\([^\s()]{0,300}\)){0,900})(?: [^()\n]{0,300})?\)/,
  /<(?<address>\w+:[^\s<>]{1,900})>/,
  /(?<bare>https?:\/\/(?:[!#-'*-;=?-Z_a-z~]|\([!#-'*-;=?-Z_a-z~]{0,99}\)){1,900}(?<![.,:;!?'*_~]))/,
  /`+|\*+|_+|~+|[^]/,
].map(({ source }) => source).join("|"), "yu");

/** `write` pieces, then `show` them. */
export class Run {
  #text = "";
  #settled = null; // the last node that stays

  constructor(node) {
    this.node = node;
  }

  write(text) {
    if (this.head?.length < LIMIT) this.head += text;
    this.#text += text;
    while (this.#text.length >= WINDOW) {
      const { parts, at } = read(this.#text.slice(0, WINDOW), WINDOW - LIMIT);
      this.#settled = draw(this.node, this.#settled, parts);
      this.#text = this.#text.slice(at);
    }
  }

  show() {
    draw(this.node, this.#settled, read(this.#text).parts);
  }
}

/** `line` begins a line, `write` extends it, with a new row after LIMIT characters. */
export class Rows {
  newline = "\n";
  #text = null;
  #row = null;

  constructor(into) {
    this.node = this.into = into;
  }

  line() {
    if (this.#text !== null) this.#settle(this.newline);
    this.#text = "";
  }

  write(text) {
    for (const [n, part] of ((this.#text ?? "") + text).match(ROW)?.entries() ?? []) {
      if (n) this.#settle("");
      this.#text = part;
    }
  }

  show(final = false) {
    if (this.#text === null) return;
    const made = this.row(this.#text, final);
    if (this.#row) this.#row.replaceWith(made);
    else this.into.append(made);
    this.#row = made;
  }

  /** With a second argument `true` the row stays. */
  row(text) {
    return element("span", {}, text);
  }

  #settle(newline) {
    this.show(true);
    this.#row.append(...newline);
    this.#row = null;
  }
}

/** Put `parts` after `last`; what is right stays, and so a selection. Returns the last node. */
function draw(node, last, parts) {
  const fresh = last || node.firstChild ? element("p") : node;
  fresh.append(...parts);
  fresh.normalize();
  if (fresh === node) return node.lastChild;
  for (const made of [...fresh.childNodes]) {
    const old = last ? last.nextSibling : node.firstChild;
    last = old;
    if (old?.nodeType === 3 && made.nodeType === 3) {
      let same = 0;
      while (same < old.length && old.data[same] === made.data[same]) same += 1;
      old.replaceData(same, old.length, made.data.slice(same));
    } else if (!old?.isEqualNode(made)) {
      if (old) old.replaceWith(made);
      else node.append(made);
      last = made;
    }
  }
  while (node.lastChild !== last) node.lastChild.remove();
  return last;
}

/** An address that only opens a page or a letter, else null. */
export function safe(href) {
  const url = URL.parse(href);
  return /^(https?|mailto):$/.test(url?.protocol) ? url.href : null;
}

/** The parts of a text, and where they end: after `until`, rather between words. */
function read(text, until = Infinity, linked = false) {
  const parts = [];
  const open = [];
  let at = 0;
  while (at < text.length && (at < until || (at < until + 0.8 * LIMIT && (open.length || /\S/.test(text[at - 1]))))) {
    TOKEN.lastIndex = at;
    const { 0: all, groups } = TOKEN.exec(text);
    const mark = groups.mark && { at, mark: all[0], size: all.length, toString() { return this.mark.repeat(this.size); } };
    at += all.length;
    if (mark) emphasis(mark, text[mark.at - 1] ?? " ", text[at] ?? " ", parts, open);
    else parts.push(token(all, groups, linked));
    if (open.length > DEPTH || open[0]?.at < at - LIMIT) open.shift();
  }
  return { parts, at };
}

/** A mark closes what it can; its rest may begin an emphasis. */
function emphasis(mark, before, after, parts, open) {
  const inside = mark.mark === "_" && /\w/.test(before) && /\w/.test(after);
  while (mark.size && !inside && /\S/.test(before)) {
    const opener = open.findLast((one) => one.mark === mark.mark);
    if (!opener) break;
    const size = Math.min(opener.size, mark.size, 2);
    const content = parts.splice(parts.lastIndexOf(opener) + 1);
    open.length = open.indexOf(opener) + 1; // marks between stay text
    opener.size -= size;
    mark.size -= size;
    if (!opener.size) parts.splice(parts.lastIndexOf(open.pop()));
    parts.push(element(mark.mark === "~" ? "del" : ["em", "strong"][size - 1], {}, ...content));
  }
  if (mark.size) parts.push(mark);
  if (mark.size && !inside && /\S/.test(after)) open.push(mark);
}

function token(all, { code, math, escaped, label, to, address, bare }, linked) {
  if (code) return element("code", {}, code.replace(/^ (.*\S.*) $/s, "$1").replaceAll("\n", " "));
  if (math) return element("span", { class: "math" }, all);
  const href = safe(to ?? address ?? bare);
  if (!href) return escaped ?? all;
  if (linked) return label ?? all;
  const made = element("a", { href, rel: "noopener noreferrer", target: "_blank" });
  draw(made, null, label ? read(label, Infinity, true).parts : [address ?? bare ?? href]);
  return made;
}
