// What grows at its end: the inline Markdown of a paragraph, and rows of code or of a table.
//
// The text comes from a model and is not trusted: only the elements made below can come out, links only to http, https and mailto,
// pictures as links, no HTML. At most WINDOW characters are read and drawn anew; what lies before is settled and stays untouched.
// Where it is settled depends on the text alone, so the result is the same however the text was cut.

import { element } from "./view.js";

/** How many characters are looked at together: of an emphasis, a link, a row. */
export const LIMIT = 1000;

const WINDOW = 3 * LIMIT;
const DEPTH = 16;
const ROW = new RegExp(`^[^]{${LIMIT}}(?=[^])`, "u");
const ADDRESS = "[!#-'*-;=?-Z_a-z~]";

const TOKEN = new RegExp([
  String.raw`(?<plain>(?:[^\\\`*_~$![<h]|\Bh){1,99})`,
  String.raw`(?<ticks>\`+)(?!\`)(?<code>[^]+?)(?<!\`)\k<ticks>(?!\`)`,
  String.raw`(?<math>\$(?=\S)(?:[^$\\\n]|\\.)+(?<=\S)\$(?!\w)|\\\((?:[^\\]|\\(?![()]))+\\\))`,
  String.raw`(?<display>\$\$(?:[^$]|\$(?!\$))+\$\$|\\\[(?:[^\\]|\\(?![[\]]))+\\\])`,
  String.raw`\\(?<escaped>[!-/:-@[-\`{-~\n])`,
  String.raw`(?<mark>\*{1,3}(?!\*)|_{1,3}(?!_)|~~(?!~))`,
  String.raw`!?\[(?<label>(?:[^[\]\\\n]|\\.|\[(?:[^[\]\\\n]|\\.){0,300}\]){0,500})\]` // [text]
    + String.raw`\( {0,9}(?:<(?<angled>[^<>\n]{0,900})>|(?<to>[^\s()<]{0,900}(?:\([^\s()]{0,300}\)[^\s()]{0,300}){0,5}))` // (address
    + String.raw`(?: {1,9}(?:"[^"\n]{0,300}"|'[^'\n]{0,300}'))? {0,9}\)`, // "title")
  String.raw`<(?<address>(?:https?:\/\/|mailto:)[^\s<>]{1,900})>`,
  String.raw`(?<bare>https?:\/\/(?:${ADDRESS}|\(${ADDRESS}{0,99}\)){1,900}(?<![.,:;!?'*_~]))`,
  String.raw`\`+|\*+|_+|~+|[^]`,
].join("|").replaceAll("\\`", "`"), "yu");

/** The inline content of `node`: `write` it piece by piece, and `show` it when it is to be seen. */
export class Run {
  #text = ""; // what is not settled, after a character that is
  #from = 0;
  #settled = null; // the last node that stays

  constructor(node) {
    this.node = node;
  }

  write(text) {
    if (this.head?.length < LIMIT) this.head += text;
    this.#text += text;
    while (this.#text.length >= WINDOW) {
      const parts = read(this.#text.slice(0, WINDOW), this.#from);
      const end = parts.find(({ at }) => at >= WINDOW - LIMIT)?.at ?? WINDOW;
      this.#settled = draw(this.node, this.#settled, strip(parts.filter(({ at }) => at < end)));
      this.#text = this.#text.slice(end - 1);
      this.#from = 1;
    }
  }

  show() {
    draw(this.node, this.#settled, strip(read(this.#text, this.#from)));
  }
}

/** Lines that grow in the element `into`: each is begun by `line`, then written. After LIMIT characters it goes on in a new row. */
export class Rows {
  newline = "\n";
  #text = null; // of the last row
  #row = null;

  constructor(into) {
    this.node = this.into = into;
  }

  line() {
    if (this.#text !== null) this.settle(this.newline);
    this.#text = "";
  }

  write(text) {
    this.#text += text;
    for (let full; (full = ROW.exec(this.#text)?.[0]); ) {
      const rest = this.#text.slice(full.length);
      this.#text = full;
      this.settle("");
      this.#text = rest;
    }
  }

  show() {
    if (this.#text === null) return;
    const made = this.row(this.#text);
    if (this.#row) draw(this.#row, null, [...made.childNodes]);
    else this.into.append((this.#row = made));
  }

  /** The last row stays as it is. */
  settle(newline) {
    this.show();
    this.#row.append(...newline);
    this.#row = null;
  }

  /** How a row looks. */
  row(text) {
    return element("span", {}, text);
  }
}

/** Make `parts` what stands in `node` after `last`; nodes that are right stay, so what is selected stays so. Returns the last one. */
function draw(node, last, parts) {
  const fresh = element("p", {}, ...parts);
  fresh.normalize();
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

/** The address if a click on it can only open a page or a letter, else null. */
export function safe(href) {
  const url = URL.parse(href);
  return /^(https?|mailto):$/.test(url?.protocol) ? url.href : null;
}

/** What a text becomes from `from` on: strings and elements, each with the place `at` which it begins. `linked`: it stands in a link. */
function read(text, from, linked = false) {
  const parts = [];
  const open = []; // marks that may begin an emphasis
  for (let at = from; at < text.length; ) {
    TOKEN.lastIndex = at;
    const { 0: all, groups } = TOKEN.exec(text);
    const end = at + all.length;
    if (groups.mark) emphasis({ at, mark: groups.mark[0], size: all.length }, text[at - 1] ?? " ", text[end] ?? " ", parts, open);
    else parts.push({ at, part: token(all, groups, linked) });
    at = end;
  }
  return parts;
}

const strip = (parts) => parts.map(({ part }) => part);

/** Close with `mark` what it can close; what is left of it may begin an emphasis. */
function emphasis(mark, before, after, parts, open) {
  const inside = mark.mark === "_" && /\w/.test(before) && /\w/.test(after);
  while (mark.size && !inside && /\S/.test(before)) {
    const n = open.findLastIndex((one) => one.mark === mark.mark);
    if (n < 0) break;
    const opener = open[n];
    const size = Math.min(opener.size, mark.size, 2);
    const content = strip(parts.splice(parts.indexOf(opener) + 1));
    const made = element(mark.mark === "~" ? "del" : ["em", "strong"][size - 1], {}, ...content);
    open.length = n + 1; // those between stay text
    opener.size -= size;
    mark.size -= size;
    if (opener.size) opener.part = opener.mark.repeat(opener.size);
    else parts.splice(parts.indexOf(open.pop()));
    parts.push({ at: opener.at, part: made });
  }
  if (!mark.size) return;
  mark.part = mark.mark.repeat(mark.size);
  if (!inside && /\S/.test(after)) open.push(mark);
  if (open.length > DEPTH) open.shift();
  parts.push(mark);
}

/** What a token that is no mark becomes. */
function token(all, { code, math, display, escaped, label, angled, to, address, bare }, linked) {
  if (code) return element("code", {}, code.replace(/^ (.*\S.*) $/s, "$1").replaceAll("\n", " "));
  if (math || display) return element("span", { class: math ? "math" : "math display" }, all);
  if (escaped) return escaped;
  const href = safe(angled ?? to ?? address ?? bare);
  if (!href) return all;
  if (linked) return label ?? all;
  const made = element("a", { href, rel: "noopener noreferrer", target: "_blank" });
  draw(made, null, label ? strip(read(label, 0, true)) : [address ?? bare ?? href]);
  return made;
}
