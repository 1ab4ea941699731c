// Inline Markdown: the text of one paragraph, as it grows, becomes text nodes and elements.
//
// The text comes from a model and is not trusted: only the elements made below can come out, links only to http, https and
// mailto, pictures as links, no HTML. No decision looks further than WINDOW characters ahead: what lies behind that is settled
// and never touched again, so the work for a piece of text is bounded, and the result is the same however the text was cut.

import { element } from "./view.js";

const WINDOW = 1000;
const DEPTH = 16;
const NODE = 4096; // characters of a text node, so that growing one costs little
const SCHEMES = new Set(["http:", "https:", "mailto:"]);
const TAGS = { "*": ["em", "strong"], _: ["em", "strong"], "~": [null, "del"] };
const NAMED = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", "#39": "'", nbsp: "\u00a0" };

const PLAIN = /(?:[^\\`*_~$![<&h\n]|(?<=\w)h)+/y;
const MARKS = /([*_~])\1{0,98}/y;
const TICKS = /`{1,99}/y;
const ENTITY = /&(amp|lt|gt|quot|apos|#39|nbsp);/y;
const ANGLED = /<(?:((?:https?:\/\/|mailto:)[^\s<>]{1,900})|br ?\/?)>/iy;
const BARE = /https?:\/\/[!#-;=?-Z_a-z~]{1,900}/y;
const LINK = new RegExp(
  String.raw`!?\[((?:[^[\]\\\n]|\\.|\[(?:[^[\]\\\n]|\\.){0,300}\](?:\([^()\s]{0,300}\))?){0,500})\]` + // [text]
  String.raw`\( {0,9}(?:<([^<>\n]{0,900})>|([^\s()<]{0,900}(?:\([^\s()]{0,300}\)[^\s()]{0,300}){0,5}))` + // (address
  String.raw`(?: {1,9}(?:"[^"\n]{0,300}"|'[^'\n]{0,300}'))? {0,9}\)`, "y"); // "title")
const MATH = { $: /(?<!\\)\$|\n/g, "$$": /\$\$/g, "\\(": /\\\)/g, "\\[": /\\\]/g };

const space = (character) => /^\s?$/.test(character);
const sign = (character) => /[\p{P}\p{S}]/u.test(character);
const letter = (character) => /[\w\u00c0-\u1fff]/.test(character); // of a script that puts spaces between words

/** The inline content of an element; `write` it piece by piece, then `end` it. */
export class Run {
  #text = ""; // what is not settled, and two characters before it
  #from = 0;
  #settled = null; // the last node that stays

  constructor(node) {
    this.node = node;
  }

  write(text) {
    this.#draw(text, false);
  }

  /** What stood last is final; spaces at the end go, and in a heading a row of # with them. */
  end(heading = false) {
    this.#draw("", true);
    const last = this.node.lastChild;
    if (last?.nodeType !== 3) return;
    const kept = heading ? last.data.trimEnd().replace(/(?:^|\s)#+$/, "").trimEnd() : last.data.trimEnd();
    if (kept) last.deleteData(kept.length, last.length);
    else last.remove();
  }

  #draw(more, final) {
    const text = this.#text + more;
    const { parts, count, at } = read(text, this.#from, final);
    while (this.node.lastChild !== this.#settled) this.node.lastChild.remove();
    fill(this.node, parts.slice(0, count));
    this.#settled = this.node.lastChild;
    fill(this.node, parts.slice(count), null);
    this.#from = Math.min(at, 2);
    this.#text = text.slice(at - this.#from);
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

/** The parts of a text from `from` on: the first `count` of them, up to `at`, no later text can change. */
function read(text, from, final, linked = false) {
  const parts = [];
  const open = []; // marks that may begin an emphasis
  const reader = { text, final, linked, closers: new Map() };
  let sure = null;
  for (let at = from; at < text.length; reader.final ||= Boolean(sure)) {
    const start = at;
    const { part, end, unsure } = token(reader, at);
    at = end;
    if (unsure && !final) sure ??= { at: start, count: parts.length };
    if (part.mark) sure = pair(part, parts, open, sure);
    if (part.size < part.length) at -= part.size; // what closed nothing is looked at again
    else if (part.mark && part.opens) {
      open.push(Object.assign(part, { place: parts.length }));
      if (open.length > DEPTH) open.shift();
    }
    if (typeof part === "string" && typeof parts.at(-1) === "string" && parts.length !== sure?.count) parts[parts.length - 1] += part;
    else if (!(part.size < part.length)) parts.push(part);
  }
  const waits = !final && open.find((mark) => text.length - mark.at <= WINDOW);
  if (waits && !(sure?.count <= waits.place)) return { parts, count: waits.place, at: waits.at };
  return { parts, count: parts.length, at: text.length, ...sure };
}

/** Close with `mark` what it can close. Returns what is sure after that. */
function pair(mark, parts, open, sure) {
  while (mark.size && mark.closes) {
    const at = open.findLastIndex((one) => one.mark === mark.mark && mark.at - one.at <= WINDOW && fits(one, mark));
    if (at < 0) break;
    const opener = open[at];
    open.length = at + 1; // those between stay text
    const size = Math.min(mark.mark === "~" ? 2 : opener.size, mark.size, 2);
    const made = element(TAGS[mark.mark][size - 1]);
    fill(made, parts.splice(opener.place + 1));
    if (sure?.count > opener.place) sure = { at: opener.at, count: opener.place };
    opener.size -= size;
    mark.size -= size;
    if (!opener.size) parts.length = open.pop().place;
    parts.push(made);
  }
  return sure;
}

/** Whether two marks belong together, if their lengths are no multiple of three that could be read otherwise. */
const fits = (opener, closer) =>
  !((opener.closes || closer.opens) && (opener.length + closer.length) % 3 === 0 && (opener.length % 3 || closer.length % 3));

/** What begins at `at`: its part, where it ends, and whether later text can change that. */
function token(reader, at) {
  const { text } = reader;
  const plain = match(PLAIN, text, at);
  if (plain) return { part: plain[0], end: at + plain[0].length };
  const found = SPECIAL[text[at]](reader, at);
  const [part, end] = found.part ? [found.part, found.end] : [text[at], at + 1];
  return { part, end, unsure: found.unsure || end >= text.length };
}

function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

// What each special character begins: `{part, end}`, or whether it is `unsure` that it begins nothing.
const SPECIAL = {
  "\\": escape, "`": code, "*": marks, _: marks, "~": marks, $: math, "!": link, "[": link, "<": angled, "&": entity, h: address, "\n": newline,
};

const near = ({ text }, at, size = WINDOW) => ({ unsure: text.length - at < size });

function escape(reader, at) {
  const next = reader.text[at + 1] ?? "";
  const found = "([".includes(next || " ") ? math(reader, at) : {};
  if (found.part) return found;
  if (next === "\n") return { part: element("br"), end: at + 2 };
  return /[!-/:-@[-`{-~]/.test(next) ? { part: next, end: at + 2, ...found } : {};
}

function code({ text }, at) {
  const [ticks] = match(TICKS, text, at);
  if (ticks.length === 99) return { part: ticks, end: at + 99 };
  const from = at + ticks.length;
  for (let end = text.indexOf("`", from); end >= 0 && end < at + WINDOW; ) {
    const [{ length }] = match(/`+/y, text, end);
    if (length === ticks.length) {
      const inner = text.slice(from, end).replace(/\n/g, " ");
      return { part: element("code", {}, /^ .*[^ ].* $/.test(inner) ? inner.slice(1, -1) : inner), end: end + length };
    }
    end = text.indexOf("`", end + length);
  }
  return { part: ticks, end: from, ...near({ text }, at) };
}

/** A row of marks that may begin or end an emphasis, by what stands on both sides. */
function marks({ text }, at) {
  const [{ length: size }, mark] = match(MARKS, text, at);
  const end = at + size;
  if (size > 3 || (mark === "~" && size !== 2)) return { part: mark.repeat(size), end };
  const [before, after] = [text[at - 1] ?? "", text[end] ?? ""];
  const left = !space(after) && !(sign(after) && letter(before));
  const right = !space(before) && !(sign(before) && letter(after));
  const [opens, closes] = mark === "_" ? [left && !letter(before), right && !letter(after)] : [left, right];
  return { part: { mark, size, length: size, at, opens, closes, toString() { return mark.repeat(this.size); } }, end };
}

/** A formula stays as it was written, without meaning for its characters. */
function math(reader, at) {
  const { text, closers } = reader;
  const begin = text[at] === "\\" || text[at + 1] === "$" ? text.slice(at, at + 2) : "$";
  const from = at + begin.length;
  if (begin === "$" && space(text[from] ?? "")) return {};
  const pattern = MATH[begin];
  pattern.lastIndex = from;
  if (!(closers.get(begin) >= from)) closers.set(begin, pattern.exec(text)?.index ?? Infinity);
  const close = closers.get(begin);
  if (close >= at + WINDOW) return near(reader, at);
  if (begin === "$" && (/\s/.test(text[close - 1]) || /[\n\w]/.test(text[close] + (text[close + 1] ?? "")))) return {};
  const end = close + begin.length;
  return { part: element("span", { class: begin === "$$" || begin === "\\[" ? "math display" : "math" }, text.slice(at, end)), end };
}

/** `[text](address)`; a picture becomes a link to it, and is not fetched. */
function link({ text, final, linked }, at) {
  const picture = text[at] === "!";
  if (picture && text[at + 1] !== "[") return {};
  const found = match(LINK, text, at);
  if (!found || found[0].length > WINDOW) return { unsure: !final && near({ text }, at).unsure && !text.includes("\n", at) };
  const end = at + found[0].length;
  const href = safe(found[2] ?? found[3]);
  if (linked) return picture ? { part: found[1] || " ", end } : {};
  return href ? { part: anchor(href, read(found[1] || href, 0, true, true).parts), end } : {};
}

function anchor(href, parts) {
  const made = element("a", { href, rel: "noopener noreferrer", target: "_blank" });
  fill(made, parts);
  return made;
}

function angled(reader, at) {
  const found = match(ANGLED, reader.text, at);
  if (!found) return { unsure: Boolean(match(/<(?:$|[a-z][^<>\n]{0,998}$)/iy, reader.text, at)) };
  const end = at + found[0].length;
  if (!found[1]) return { part: element("br"), end };
  const href = !reader.linked && safe(found[1]);
  return href ? { part: anchor(href, [found[1]]), end } : {};
}

/** An address that stands by itself. */
function address({ text, linked }, at) {
  const found = match(BARE, text, at)?.[0];
  if (!found) return { unsure: ["http://", "https://"].some((begin) => begin.startsWith(text.slice(at, at + 8))) };
  const shown = found.replace(found.includes("(") ? /[.,:;!?'*_~]+$/ : /[.,:;!?'*_~)]+$/, "");
  const href = !linked && safe(shown);
  return { part: href ? anchor(href, [shown]) : shown, end: at + shown.length, unsure: at + found.length >= text.length };
}

function entity({ text }, at) {
  const found = match(ENTITY, text, at);
  return found ? { part: NAMED[found[1]], end: at + found[0].length } : { unsure: Boolean(match(/&[#\w]{0,4}$/y, text, at)) };
}

function newline({ text }, at) {
  return text.slice(Math.max(at - 2, 0), at) === "  " ? { part: element("br"), end: at + 1 } : {};
}

/** The address if a click on it can only open a page or a letter, else null. */
export function safe(href) {
  try {
    const url = new URL(href);
    return SCHEMES.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
