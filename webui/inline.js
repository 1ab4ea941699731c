// Inline Markdown: the text of one paragraph, as it grows, becomes text nodes and elements.
//
// The text comes from a model and is not trusted: only the elements made below can come out, links only to http, https and mailto,
// pictures as links, no HTML. Nothing depends on more than WINDOW characters ahead: what lies behind that is settled and stays
// untouched. So the work for a piece of text is bounded, and the result is the same however the text was cut.

import { element } from "./view.js";

const WINDOW = 1000;
const DEPTH = 16;
const LINE = 2000; // characters of a line of code or of a table that are looked at together
const NODE = 4096; // characters of a text node, so that growing it costs little

const PLAIN = /(?:[^\\`*_~$![<&h\n]|(?<=\w)h)+/y;
const ENTITY = /&(amp|lt|gt|quot|apos|#39|nbsp);/y;
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", "#39": "'", nbsp: "\u00a0" };
const ANGLED = /<(?:((?:https?:\/\/|mailto:)[^\s<>]{1,900})|br ?\/?)>/iy;
const BARE = /https?:\/\/[!#-;=?-Z_a-z~]{1,900}/y;
const LINK = new RegExp(
  String.raw`!?\[((?:[^[\]\\\n]|\\.|\[(?:[^[\]\\\n]|\\.){0,300}\]){0,500})\]` // [text]
  + String.raw`\( {0,9}(?:<([^<>\n]{0,900})>|([^\s()<]{0,900}(?:\([^\s()]{0,300}\)[^\s()]{0,300}){0,5}))` // (address
  + String.raw`(?: {1,9}(?:"[^"\n]{0,300}"|'[^'\n]{0,300}'))? {0,9}\)`, "y"); // "title")
const MATH = { $: /(?<!\\)\$|\n/g, "$$": /\$\$/g, "\\(": /\\\)/g, "\\[": /\\\]/g }; // what ends a formula

const space = (character) => /^\s?$/.test(character);
const sign = (character) => /[\p{P}\p{S}]/u.test(character);
const letter = (character) => /[\w\u00c0-\u1fff]/.test(character); // of a script that puts spaces between words

/** The inline content of `node`: `write` it piece by piece, `show` it when it is to be seen, then `end` it. */
export class Run {
  #text = ""; // what is not settled, after at most two characters that are
  #from = 0;
  #settled = null; // the last node that stays

  constructor(node, fields) {
    Object.assign(this, { node }, fields);
  }

  write(text) {
    this.#text += text;
  }

  show(final = false) {
    const { parts, count, at } = read(this.#text, this.#from, final);
    while (this.node.lastChild !== this.#settled) this.node.lastChild.remove();
    fill(this.node, parts.slice(0, count), this.#settled);
    this.#settled = this.node.lastChild;
    fill(this.node, parts.slice(count), null);
    this.#from = Math.min(at, 2);
    this.#text = this.#text.slice(at - this.#from);
  }

  /** Spaces at the end go; in a heading also a row of # there. */
  end() {
    this.show(true);
    const last = this.#settled;
    if (last?.nodeType !== 3) return;
    const kept = (this.kind === "heading" ? last.data.trimEnd().replace(/(?:^|\s)#+$/, "") : last.data).trimEnd().length;
    if (kept) last.deleteData(kept, last.length);
    else last.remove();
  }
}

/** Lines that grow in the element `into`: each is begun by `line`, then written. `parts(line, final)` says how a line looks. */
export class Lines {
  newline = "\n";
  #line = null; // what of the last line is not settled
  #settled = null; // the last node that stays

  constructor(into) {
    this.into = into;
  }

  line() {
    if (this.#line !== null) this.#settle(this.#line, this.newline);
    this.#line = "";
  }

  /** What comes from now on stands in `into`. */
  move(into) {
    this.into = into;
    this.#settled = null;
  }

  write(text) {
    this.#line += text;
    while (this.#line.length >= LINE) {
      const end = cut(this.#line, LINE);
      this.#settle(this.#line.slice(0, end));
      this.#line = this.#line.slice(end);
    }
  }

  show() {
    this.#draw(this.#line ?? "", false);
  }

  end() {
    if (this.#line) this.#settle(this.#line);
  }

  #settle(line, newline = "") {
    this.#draw(line, true);
    fill(this.into, [newline]);
    this.#settled = this.into.lastChild;
  }

  #draw(line, final) {
    while (this.into.lastChild !== this.#settled) this.into.lastChild.remove();
    fill(this.into, line ? this.parts(line, final) : [], final ? this.#settled : null);
  }
}

/** Append elements and strings to `node`; a string goes on in `last`, if that is a text. */
export function fill(node, parts, last = node.lastChild) {
  for (const part of parts) {
    if (part.nodeType) node.append((last = part));
    for (let rest = part.nodeType ? "" : String(part); rest; ) {
      const end = last?.nodeType === 3 ? cut(rest, NODE - last.length) : 0;
      if (end > 0) last.appendData(rest.slice(0, end));
      else node.append((last = document.createTextNode("")));
      rest = rest.slice(end);
    }
  }
}

/** `at`, or one less where that would divide a character. */
export const cut = (text, at) => (/[\ud800-\udbff]/.test(text[at - 1] ?? "") ? at - 1 : at);

/** The address if a click on it can only open a page or a letter, else null. */
export function safe(href) {
  const url = URL.parse(href);
  return /^(https?|mailto):$/.test(url?.protocol) ? url.href : null;
}

/** The parts of a text from `from` on; the first `count` of them, up to `at`, no later text can change. */
function read(text, from, final, linked = false) {
  const parts = [];
  const open = []; // marks that may begin an emphasis
  const reader = { text, final, linked, closers: {} };
  let sure = null;
  for (let at = from; at < text.length; reader.final ||= Boolean(sure)) {
    const { part, end, unsure } = token(reader, at);
    if (unsure && !reader.final) sure = { at, count: parts.length };
    if (part.mark) sure = pair(part, parts, open, sure);
    at = end;
    if (part.size < part.length) at -= part.size; // what closed nothing is looked at again
    else if (typeof part === "string" && typeof parts.at(-1) === "string" && parts.length !== sure?.count) parts[parts.length - 1] += part;
    else {
      if (part.opens) open.push(Object.assign(part, { place: parts.length }));
      if (open.length > DEPTH) open.shift();
      parts.push(part);
    }
  }
  const waits = !final && open.find((mark) => text.length - mark.at <= WINDOW);
  if (waits && !(sure?.count <= waits.place)) sure = { count: waits.place, at: waits.at };
  return { parts, count: parts.length, at: text.length, ...sure };
}

/** Close with `mark` what it can close. Returns what is sure after that. */
function pair(mark, parts, open, sure) {
  while (mark.size && mark.closes) {
    const at = open.findLastIndex((one) => one.mark === mark.mark && mark.at - one.at <= WINDOW && fits(one, mark));
    if (at < 0) break;
    const opener = open[at];
    open.length = at + 1; // those between stay text
    const size = Math.min(opener.size, mark.size, 2);
    const made = element(mark.mark === "~" ? "del" : ["em", "strong"][size - 1]);
    fill(made, parts.splice(opener.place + 1));
    if (sure?.count > opener.place) sure = { at: opener.at, count: opener.place };
    opener.size -= size;
    mark.size -= size;
    if (!opener.size) parts.length = open.pop().place;
    parts.push(made);
  }
  return sure;
}

/** Whether two marks belong together: not if their lengths are a multiple of three that could be read otherwise. */
const fits = (opener, closer) =>
  !((opener.closes || closer.opens) && (opener.length + closer.length) % 3 === 0 && (opener.length % 3 || closer.length % 3));

/** What begins at `at`: its part, where that ends, and whether later text can change it. */
function token(reader, at) {
  const { text } = reader;
  const plain = match(PLAIN, text, at);
  if (plain) return { part: plain[0], end: at + plain[0].length };
  const { part = text[at], end = at + 1, unsure } = SPECIAL[text[at]](reader, at);
  return { part, end, unsure: unsure || end >= text.length };
}

function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

// What a special character begins: `{part, end}`; without them it is text, if not `unsure`.
const SPECIAL = {
  "\\": escape, "`": code, "*": marks, _: marks, "~": marks, $: math,
  "!": link, "[": link, "<": angled, "&": entity, h: address, "\n": newline,
};

const near = ({ text }, at) => text.length - at < WINDOW;

function escape(reader, at) {
  const next = reader.text[at + 1] ?? "";
  if (next === "\n") return { part: element("br"), end: at + 2 };
  const found = /[([]/.test(next) ? math(reader, at) : {};
  return /[!-/:-@[-`{-~]/.test(next) ? { part: next, end: at + 2, ...found } : {};
}

function code(reader, at) {
  const { text, closers } = reader;
  const [ticks] = match(/`{1,99}/y, text, at);
  const from = at + ticks.length;
  const rowOf = (end) => match(/`*/y, text, end)[0].length;
  if (ticks.length === 99) return { part: ticks, end: from };
  let close = Math.max(from, closers[ticks] ?? 0); // no row of this length stands before
  while (close < at + WINDOW && rowOf(close) !== ticks.length) {
    const row = text.indexOf("`", close + rowOf(close));
    close = row < 0 ? Infinity : row;
  }
  closers[ticks] = close;
  if (close >= at + WINDOW) return { part: ticks, end: from, unsure: near(reader, at) };
  const inner = text.slice(from, close).replaceAll("\n", " ");
  return { part: element("code", {}, /^ .* $/.test(inner) && inner.trim() ? inner.slice(1, -1) : inner), end: close + ticks.length };
}

/** A row of marks that may begin or end an emphasis, by what stands on both sides. */
function marks({ text }, at) {
  const [row, mark] = match(/([*_~])\1{0,98}/y, text, at);
  const size = row.length;
  const end = at + size;
  if (size > 3 || (mark === "~" && size !== 2)) return { part: row, end };
  const [before, after] = [text[at - 1] ?? "", text[end] ?? ""];
  const opens = !space(after) && !(letter(before) && (mark === "_" || sign(after)));
  const closes = !space(before) && !(letter(after) && (mark === "_" || sign(before)));
  return { part: { mark, size, length: size, at, opens, closes, toString() { return mark.repeat(this.size); } }, end };
}

/** A formula stays as it was written, without meaning for its characters. */
function math(reader, at) {
  const { text, closers } = reader;
  const begin = text[at] === "\\" || text[at + 1] === "$" ? text.slice(at, at + 2) : "$";
  const from = at + begin.length;
  if (!(closers[begin] >= from)) closers[begin] = match(MATH[begin], text, from)?.index ?? Infinity;
  const close = closers[begin];
  if (close >= at + WINDOW) return { unsure: near(reader, at) };
  const end = close + begin.length;
  if (begin === "$" && (/^\s|[\s\\]$/.test(text.slice(from, close)) || /\n|\w$/.test(text.slice(close, end + 1)))) return {};
  return { part: element("span", { class: /[$[]$/.test(begin) && begin !== "$" ? "math display" : "math" }, text.slice(at, end)), end };
}

/** `[text](address)`; a picture becomes a link to it, and is not fetched. */
function link(reader, at) {
  const { text, final, linked } = reader;
  const picture = text[at] === "!";
  if (picture && text[at + 1] !== "[") return {};
  const [all, label, angled, plain] = match(LINK, text, at) ?? [];
  if (!all || all.length > WINDOW) return { unsure: !final && near(reader, at) && !text.includes("\n", at) };
  const href = !linked && safe(angled ?? plain);
  if (href) return { part: anchor(href, read(label || href, 0, true, true).parts), end: at + all.length };
  return linked && picture ? { part: label || " ", end: at + all.length } : {};
}

function anchor(href, parts) {
  const made = element("a", { href, rel: "noopener noreferrer", target: "_blank" });
  fill(made, parts);
  return made;
}

function angled({ text, linked }, at) {
  const [all, to] = match(ANGLED, text, at) ?? [];
  if (!all) return { unsure: Boolean(match(/<(?:$|[a-z][^<>\n]{0,998}$)/iy, text, at)) };
  const href = to && !linked && safe(to);
  if (to && !href) return {};
  return { part: href ? anchor(href, [to]) : element("br"), end: at + all.length };
}

/** An address that stands by itself. */
function address({ text, linked }, at) {
  const [found] = match(BARE, text, at) ?? [];
  if (!found) return { unsure: ["http://", "https://"].some((begin) => begin.startsWith(text.slice(at, at + 8))) };
  const shown = found.replace(/(?<![.,:;!?'*_~)])[.,:;!?'*_~)]+$/, (end) => (found.includes("(") && end[0] === ")" ? ")" : ""));
  const href = !linked && safe(shown);
  return { part: href ? anchor(href, [shown]) : shown, end: at + shown.length, unsure: at + found.length >= text.length };
}

function entity({ text }, at) {
  const [all, name] = match(ENTITY, text, at) ?? [];
  return all ? { part: ENTITIES[name], end: at + all.length } : { unsure: Boolean(match(/&[#\w]{0,4}$/y, text, at)) };
}

function newline({ text }, at) {
  return text.slice(Math.max(at - 2, 0), at) === "  " ? { part: element("br"), end: at + 1 } : {};
}
