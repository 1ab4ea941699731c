// Markdown that streams in becomes elements: a stack of open containers (quotes, items) and one open leaf, which grows.
//
// A line begins its block as soon as no later character can change which; the rest of the line goes to the leaf as it comes.
// Only the end of the open leaf is ever drawn anew, so a piece of text costs the same after any answer.

import { Code } from "./highlight.js";
import { LIMIT, Rows, Run } from "./inline.js";
import { t } from "./i18n.js";
import { element } from "./view.js";

const DEPTH = 32;

const READY = /^(?![\s>*+\-\d.)]*(?:```|~~~|\$\$|\\\[)).*[^\s!-@[-`{-~xX]/; // this line's block does not change any more
const HEADING = /^ {0,3}(#{1,6})(?:\s+|$)/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const FENCE = /^\s*(```+|~~~+)\s*([\w+#.-]{0,30})[^`]*$/;
const FORMULA = /^\s*(?:\$\$(?!.*\$\$)|\\\[(?!.*\\\]))/;
const FORMULA_END = /^\s*$|(?:\$\$|\\\])\s*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^(\s*)(?:[-+*]|(\d{1,9})[.)])(?:\s{1,4}(?=\S)|\s|$)/;
const COLUMNS = /^(?=.*\|)[\s|:-]+$/;
const HEAD = /^.*\|.*$/;

/** Show a whole text in `target`. */
export function render(target, text) {
  target.replaceChildren();
  const writer = new Writer(target);
  writer.write(text);
  writer.end();
}

/** Shows a text in `target` while it comes: `write` piece by piece, then `end`. */
export class Writer {
  #boxes; // the open containers: {node}, and what a line begins with that goes on with it
  #leaf = null;
  #line = ""; // as far as it is known, until its block begins
  #begun = false;

  constructor(target) {
    this.#boxes = [{ node: target }];
  }

  write(piece) {
    for (const [n, text] of piece.replaceAll("\r", "").split("\n").entries()) {
      if (n) this.#endLine();
      if (this.#begun) this.#leaf.write(text);
      else {
        this.#line += text;
        const known = this.#line.slice(0, LIMIT);
        this.#begun = known.length === LIMIT || (!this.#leaf?.math && READY.test(known));
        if (this.#begun) this.#begin(known, false);
      }
    }
    this.#leaf?.show();
  }

  end() {
    if (this.#line) this.#endLine();
    this.#close();
  }

  #endLine() {
    if (!this.#begun) this.#begin(this.#line, true);
    this.#line = "";
    this.#begun = false;
  }

  /** Begin a line of which `line` is known; `whole`: that is all of it. */
  #begin(line, whole) {
    let [depth, rest] = [1, line];
    for (let found; depth < this.#boxes.length; depth += 1, rest = rest.slice(found[0].length)) {
      const { goes, tag } = this.#boxes[depth];
      found = goes.exec(rest) ?? (tag && this.#leaf?.until && [""]); // an open fence holds the items around it
      if (!found) break;
    }
    const leaf = depth === this.#boxes.length ? this.#leaf : null; // which may go on
    if (leaf?.until) {
      const last = whole && leaf.until.test(rest);
      if (!last || leaf.math) this.#start(rest);
      if (last) this.#close();
    } else if (whole && !rest.trim()) {
      this.#close();
      this.#boxes.length = depth;
    } else if (whole && leaf?.head?.length < LIMIT && HEAD.test(leaf.head) && COLUMNS.test(rest)) {
      this.#leaf = new Table(leaf.head, rest);
      leaf.node.replaceWith(this.#leaf.node);
    } else this.#block(rest, depth, whole);
  }

  /** Any other line opens containers in the container `depth` and a leaf there, or goes on with the leaf. */
  #block(line, depth, whole) {
    const opens = [];
    let rest = line;
    for (let box; depth + opens.length <= DEPTH && (box = container(rest)); rest = rest.slice(box.length)) opens.push(box);
    const { leaf, node, text } = block(rest, whole);
    const open = opens.length ? null : this.#leaf;
    const goes = open?.head !== undefined ? text?.[0] !== "|" : open?.line && depth === this.#boxes.length;
    if (leaf?.head !== undefined && goes) {
      if (open.head) open.write("\n");
      return this.#start(text);
    }
    this.#close();
    this.#boxes.length = depth;
    let into = this.#boxes.at(-1).node;
    for (const box of opens) {
      if (box.tag && into.lastChild?.localName !== box.tag) into.append(element(box.tag, box.start));
      (box.tag ? into.lastChild : into).append((into = box.node));
    }
    this.#boxes.push(...opens);
    into.append(node ?? leaf.node);
    this.#leaf = leaf;
    if (text !== undefined) this.#start(text);
  }

  #start(text) {
    this.#leaf.line?.();
    this.#leaf.write(text + this.#line.slice(LIMIT));
  }

  #close() {
    this.#leaf?.show();
    this.#leaf = null;
  }
}

/** The container that `rest` opens: how long its mark is, and how lines begin that go on with it. */
function container(rest) {
  const quote = QUOTE.exec(rest);
  if (quote) return { node: element("blockquote"), length: quote[0].length, goes: QUOTE };
  const [mark, spaces, number] = (!RULE.test(rest) && ITEM.exec(rest)) || [];
  const goes = mark && new RegExp(`^(?: {${Math.min(mark.length, spaces.length + 2)},${mark.length}}|\t|\\s*$)`);
  return mark && { node: element("li"), length: mark.length, goes, tag: number ? "ol" : "ul", start: number && { start: Number(number) } };
}

/** What `rest` begins: a leaf with its text, or a node. A paragraph knows its beginning, which may be the head of a table. */
function block(rest, whole) {
  const [marks, { length } = ""] = HEADING.exec(rest) ?? [];
  if (length) return { leaf: new Run(element(`h${length}`)), text: rest.slice(marks.length) };
  if (whole && RULE.test(rest)) return { node: element("hr"), leaf: null };
  if (whole && FORMULA.test(rest)) {
    return { leaf: Object.assign(new Rows(element("div", { class: "math display" })), { until: FORMULA_END, math: true }), text: rest.trim() };
  }
  const [, fence, language] = (whole && FENCE.exec(rest)) || [];
  if (fence) return { leaf: Object.assign(new Code(language), { until: new RegExp(`^\\s*${fence}+\\s*$`) }) };
  const text = rest.trimStart().replace(/^\[ \] /, "☐ ").replace(/^\[x\] /i, "☑ ");
  return { leaf: Object.assign(new Run(element("p")), { head: "" }), text };
}

/** A table that grows row by row. */
class Table extends Rows {
  newline = "";

  constructor(head, marks) {
    const body = element("tbody");
    super(body);
    this.sides = cells(marks).map((mark) => (/:\s*$/.test(mark) ? { class: /^\s*:/.test(mark) ? "center" : "right" } : {}));
    const table = element("table", {}, element("thead", {}, this.row(head, true, "th")), body);
    this.node = element("div", { class: "wide", tabindex: "0", role: "group", "aria-label": t("Table") }, table);
  }

  row(line, _, tag = "td") {
    return element("tr", {}, ...cells(line).map((text, at) => {
      const cell = new Run(element(tag, this.sides[at]));
      cell.write(text.trim().replaceAll("\\|", "|"));
      cell.show();
      return cell.node;
    }));
  }
}

const cells = (row) => row.trim().replace(/^\||(?<!\\)\|$/g, "").split(/(?<!\\)\|/);
