// Markdown to a tree of `[tag, attributes, ...children]`, where a child is a node or a text.
//
// The text comes from a model and is not trusted: only the tags below can come out, links only
// to http, https and mailto, pictures as links, no HTML. Time is linear in the length: a link has
// at most WINDOW characters, an end is searched for once, nesting ends at DEPTH.

const DEPTH = 8;
const WINDOW = 2000;
const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** The blocks of a text, each `{source, node}`: equal sources have equal nodes. */
export function parse(text) {
  return blocks(text.replace(/\r\n?/g, "\n").replace(/\t/g, "    ").split("\n"), 0);
}

function blocks(lines, depth) {
  const found = [];
  for (let at = 0, end = 0; at < lines.length; at = end) {
    let node = null;
    [node, end] = blank(lines[at]) ? [null, at + 1] : block(lines, at, depth);
    if (node) found.push({ source: lines.slice(at, end).join("\n"), node });
  }
  return found;
}

/** The block that begins at line `at`, and the line after it. */
function block(lines, at, depth) {
  const heading = /^ {0,3}(#{1,6}) +(.*)$/.exec(lines[at]);
  if (heading) return [[`h${heading[1].length}`, {}, ...inline(heading[2].trimEnd())], at + 1];
  if (isRule(lines[at])) return [["hr", {}], at + 1];
  if (fenceOf(lines[at])) return code(lines, at);
  if (isTable(lines, at)) return table(lines, at);
  if (depth < DEPTH && isQuote(lines[at])) return quote(lines, at, depth);
  if (depth < DEPTH && itemOf(lines[at])) return list(lines, at, depth);
  let end = at + 1;
  while (end < lines.length && !blank(lines[end]) && !interrupts(lines, end)) end += 1;
  return [["p", {}, ...inline(lines.slice(at, end).map((line) => line.trimStart()).join("\n"))], end];
}

const blank = (line) => line.trim() === "";
const indentOf = (line) => line.length - line.trimStart().length;
const isRule = (line) => /^ {0,3}([-*_])(?: *\1){2,} *$/.test(line);
const isQuote = (line) => /^ {0,3}>/.test(line);
const fenceOf = (line) => /^( *)(`{3,}|~{3,})([^`]*)$/.exec(line);
const isTable = (lines, at) =>
  lines[at].includes("|") && /^(?=.{3,2000}$)(?=.*\|) *\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *$/.test(lines[at + 1] ?? "");

function interrupts(lines, at) {
  const line = lines[at];
  return /^ {0,3}#{1,6} /.test(line) || isRule(line) || fenceOf(line) || isQuote(line) || itemOf(line) || isTable(lines, at);
}

function code(lines, at) {
  const [, indent, fence, info] = fenceOf(lines[at]);
  const closes = (line) => line.trim().length >= fence.length && line.trim() === fence[0].repeat(line.trim().length);
  let end = at + 1;
  while (end < lines.length && !closes(lines[end])) end += 1;
  const text = lines.slice(at + 1, end).map((line) => line.slice(Math.min(indent.length, indentOf(line)))).join("\n");
  const language = /^[\w+#.-]{1,30}/.exec(info.trim())?.[0] ?? "";
  return [["code-block", { language }, text], Math.min(end + 1, lines.length)];
}

function quote(lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && isQuote(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(/^ {0,3}> ?/, ""));
  return [["blockquote", {}, ...blocks(inner, depth + 1).map(({ node }) => node)], end];
}

/** Of a line that begins a list item: where its marker and its text stand, and its number. */
function itemOf(line) {
  const match = /^( *)([-*+]|(\d{1,9})[.)])( +|$)/.exec(line);
  if (!match || isRule(line)) return null;
  const offset = match[1].length + match[2].length + Math.min(match[4].length || 1, 4);
  return { indent: match[1].length, offset, ordered: match[3] !== undefined, start: Number(match[3]) };
}

function list(lines, at, depth) {
  const first = itemOf(lines[at]);
  const items = [];
  let end = at;
  for (let item = first; item && item.ordered === first.ordered && item.indent < first.indent + 2; item = itemOf(lines[end] ?? "")) {
    const inner = [lines[end].slice(item.offset)];
    for (end += 1; end < lines.length && (blank(lines[end]) || indentOf(lines[end]) >= item.indent + 2); end += 1) {
      inner.push(lines[end].slice(Math.min(item.offset, indentOf(lines[end]))));
    }
    items.push(["li", {}, ...tight(blocks(inner, depth + 1))]);
  }
  return [[first.ordered ? "ol" : "ul", first.ordered ? { start: first.start } : {}, ...items], end];
}

/** The nodes of an item: a paragraph that begins it needs no paragraph. */
function tight([first, ...rest]) {
  const head = first?.node[0] === "p" ? first.node.slice(2) : first ? [first.node] : [];
  return [...head, ...rest.map(({ node }) => node)];
}

function table(lines, at) {
  const sides = cells(lines[at + 1]).map((mark) => (mark.endsWith(":") ? (mark.startsWith(":") ? "center" : "right") : null));
  const row = (line, tag) =>
    ["tr", {}, ...cells(line).map((cell, n) => [tag, sides[n] ? { class: sides[n] } : {}, ...inline(cell)])];
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const body = lines.slice(at + 2, end).map((line) => row(line, "td"));
  return [["table", {}, ["thead", {}, row(lines[at], "th")], ["tbody", {}, ...body]], end];
}

const cells = (line) =>
  line.trim().replace(/^\||(?<!\\)\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));

/** The nodes of a run of text. */
export function inline(text, depth = 0) {
  const nodes = [];
  const closers = new Map();
  let plain = "";
  for (let at = 0; at < text.length; ) {
    const { node, end } = (depth < DEPTH && special(text, at, depth, closers)) || { node: text[at], end: at + 1 };
    if (typeof node === "string") plain += node;
    else {
      if (plain) nodes.push(plain);
      nodes.push(node);
      plain = "";
    }
    at = end;
  }
  return plain ? [...nodes, plain] : nodes;
}

/** What begins at `at` besides plain text: `{node, end}`. */
function special(text, at, depth, closers) {
  switch (text[at]) {
    case "\\": return /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "") ? { node: text[at + 1], end: at + 2 } : null;
    case "\n": return text.slice(at - 2, at) === "  " ? { node: ["br", {}], end: at + 1 } : null;
    case "`": case "*": case "_": case "~": return span(text, at, depth, closers);
    case "!": case "[": return link(text, at, depth);
    case "h": return address(text, at);
    default: return null;
  }
}

// A mark, the tags it stands for from outside to inside, and what ends it.
const SPANS = {
  "`": [["code"], /(?<!`)`(?!`)/g], "``": [["code"], /(?<!`)``(?!`)/g], "~~": [["del"], /(?<!\s)~~/g],
  "*": [["em"], /(?<![\s*])\*(?!\*)/g], "**": [["strong"], /(?<!\s)\*\*(?!\*)/g], "***": [["strong", "em"], /(?<!\s)\*{3}/g],
  _: [["em"], /(?<![\s_])_(?!\w)/g], __: [["strong"], /(?<!\s)__(?!\w)/g],
};

function span(text, at, depth, closers) {
  const mark = /^(?:`+|\*+|_+|~+)/.exec(text.slice(at, at + 9))[0];
  const from = at + mark.length;
  const opens = mark in SPANS && (mark[0] === "`" || !/^\s?$/.test(text[from] ?? "")) && !(mark[0] === "_" && /\w/.test(text[at - 1] ?? ""));
  const end = opens ? closer(text, mark, from + 1, closers) : Infinity;
  if (end === Infinity) return { node: mark, end: from };
  const [tags] = SPANS[mark];
  const inner = mark[0] === "`" ? [text.slice(from, end).replace(/\n/g, " ").trim()] : inline(text.slice(from, end), depth + 1);
  return { node: tags.reduceRight((inside, tag) => [[tag, {}, ...inside]], inner)[0], end: end + mark.length };
}

/** Where the next end of a mark is; remembered, so that each text is searched once for each mark. */
function closer(text, mark, from, closers) {
  const pattern = SPANS[mark][1];
  pattern.lastIndex = from;
  if (!(closers.get(mark) >= from)) closers.set(mark, pattern.exec(text)?.index ?? Infinity);
  return closers.get(mark);
}

/** `[text](address)`; a picture becomes a link to it, and is not fetched. */
function link(text, at, depth) {
  const pattern = /^!?\[((?:[^[\]\\\n]|\\.){1,500})\]\(([^\s()]*(?:\([^\s()]*\)[^\s()]*)?)(?: +"[^"\n]*")?\)/;
  const match = pattern.exec(text.slice(at, at + WINDOW));
  const href = match && safe(match[2]);
  return href && { node: ["a", { href }, ...inline(match[1], depth + 1)], end: at + match[0].length };
}

/** An address that stands by itself. */
function address(text, at) {
  const shown = !/\w/.test(text[at - 1] ?? "") && /^https?:\/\/[^\s<>"'`)\]*]*[^\s<>"'`)\]*.,;:!?]/.exec(text.slice(at, at + WINDOW))?.[0];
  const href = shown && safe(shown);
  return href && { node: ["a", { href }, shown], end: at + shown.length };
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
