// Markdown that streams in becomes elements: a stack of open containers (quotes, items) and one open leaf, which grows.
//
// A line begins its block as soon as no later character can change which; the rest of the line goes to the leaf as it comes.
// Only the end of the open leaf is ever drawn anew, so a piece of text costs the same after any answer.

import { Code } from "./highlight.js";
import { LIMIT, Rows, Run } from "./inline.js";
import { t } from "./i18n.js";
import { element } from "./view.js";

const DEPTH = 32;

// A line that begins so is no rule, no fence and no formula, and what it is does not change any more.
const READY = /^(?![\s>*+\-\d.)]*(?:```|~~~|\$\$|\\\[)).*[^\s!-@[-`{-~xX]/;
const HEADING = /^ {0,3}(#{1,6})(?:\s+|$)/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const FENCE = /^\s*(```+|~~~+)\s*([\w+#.-]*)[^`]*$/;
const FORMULA = /^\s*(?:\$\$(?!.*\$\$)|\\\[(?!.*\\\]))/;
const FORMULA_END = /^\s*$|(?:\$\$|\\\])\s*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^(\s*)(?:[-+*]|(\d{1,9})[.)])(?:\s{1,4}(?=\S)|\s|$)/;
const TASK = /^\[([ xX])\] /;
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
        if (known.length === LIMIT || (!this.#leaf?.math && READY.test(known))) this.#begin(known, false);
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
    if (this.#leaf?.heading) this.#close();
    this.#line = "";
    this.#begun = false;
  }

  /** Begin a line of which `line` is known; `whole`: that is all of it. */
  #begin(line, whole) {
    let [depth, rest] = [1, line];
    for (; depth < this.#boxes.length; depth += 1) {
      const { goes, item } = this.#boxes[depth];
      const found = goes.exec(rest) ?? (item && this.#leaf?.until && [""]); // an open fence holds the items around it
      if (!found) break;
      rest = rest.slice(found[0].length);
    }
    const leaf = depth === this.#boxes.length ? this.#leaf : null;
    if (leaf?.until) this.#inside(leaf, rest, whole);
    else if (whole && !rest.trim()) {
      this.#close();
      this.#boxes.length = depth;
    } else if (whole && leaf?.head?.length < LIMIT && HEAD.test(leaf.head) && COLUMNS.test(rest)) {
      this.#leaf = new Table(leaf.head, rest);
      leaf.node.replaceWith(this.#leaf.node);
    } else this.#block(leaf, rest, depth, whole);
  }

  /** A line of a fence or a formula. */
  #inside(leaf, rest, whole) {
    const last = whole && leaf.until.test(rest);
    if (!last || leaf.math) this.#start(rest, whole);
    if (last) this.#close();
  }

  /** Any other line: it opens containers in the container `depth` and a leaf, or goes on with the leaf. */
  #block(leaf, line, depth, whole) {
    const opens = [];
    let rest = line;
    for (let box; depth + opens.length <= DEPTH && (box = container(rest, whole)); rest = rest.slice(box.length)) opens.push(box);
    const open = opens.length ? null : this.#leaf;
    const made = special(rest, whole);
    const text = made ? made.text : rest.trimStart();
    if (!made && (open?.head !== undefined ? text[0] !== "|" : open && open === leaf)) {
      if (open.head) open.write("\n");
      return this.#start(text, whole);
    }
    this.#close();
    this.#open(opens, depth);
    const { leaf: next, node = next.node } = made ?? { leaf: Object.assign(new Run(element("p")), { head: "" }) };
    this.#boxes.at(-1).node.append(node);
    this.#leaf = next ?? null;
    if (text !== undefined) this.#start(opens.at(-1)?.item ? text.replace(TASK, (_, done) => (done === " " ? "☐ " : "☑ ")) : text, whole);
  }

  /** Open containers in the container `depth`; those deeper are closed. */
  #open(opens, depth) {
    let list = this.#boxes[depth]?.list; // with which an item of the same kind goes on
    this.#boxes.length = depth;
    for (const box of opens) {
      const outer = this.#boxes.at(-1).node;
      box.node = element(box.item ? "li" : "blockquote");
      if (box.item && list?.localName !== box.item) outer.append((list = element(box.item, box.start)));
      box.list = box.item && list;
      (box.list || outer).append(box.node);
      this.#boxes.push(box);
      list = null;
    }
  }

  #start(text, whole) {
    this.#begun = !whole;
    this.#leaf.line?.();
    this.#leaf.write(text);
    if (!whole) this.#leaf.write(this.#line.slice(LIMIT));
  }

  #close() {
    this.#leaf?.show();
    this.#leaf = null;
  }
}

/** The container that `rest` opens: how long its mark is, and how lines begin that go on with it. */
function container(rest, whole) {
  const quote = QUOTE.exec(rest);
  if (quote) return { length: quote[0].length, goes: QUOTE };
  const [mark, spaces, number] = (!(whole && RULE.test(rest)) && ITEM.exec(rest)) || [];
  if (mark === undefined) return null;
  const goes = new RegExp(`^(?: {${Math.min(mark.length, spaces.length + 2)},${mark.length}}|\t|\\s*$)`);
  return { length: mark.length, goes, item: number ? "ol" : "ul", start: number > 1 || number === "0" ? { start: Number(number) } : {} };
}

/** What `rest` begins, if no paragraph: a leaf with its text, or a node. */
function special(rest, whole) {
  const [marks, { length } = ""] = HEADING.exec(rest) ?? [];
  if (length) return { leaf: Object.assign(new Run(element(`h${length}`)), { heading: true }), text: rest.slice(marks.length) };
  if (whole && RULE.test(rest)) return { node: element("hr") };
  if (whole && FORMULA.test(rest)) {
    return { leaf: Object.assign(new Rows(element("div", { class: "math display" })), { until: FORMULA_END, math: true }), text: rest.trim() };
  }
  const [, fence, language] = (whole && FENCE.exec(rest)) || [];
  return fence && { leaf: Object.assign(new Code(language.slice(0, 30)), { until: new RegExp(`^\\s*${fence}+\\s*$`) }) };
}

/** A table that grows row by row; what a row has beyond the last column stays in that. */
class Table extends Rows {
  newline = "";

  constructor(head, marks) {
    const body = element("tbody");
    super(body);
    this.sides = cells(marks).map((mark) => (/:\s*$/.test(mark) ? { class: /^\s*:/.test(mark) ? "center" : "right" } : {}));
    this.columns = cells(head).length;
    const table = element("table", {}, element("thead", {}, this.row(head, "th")), body);
    this.node = element("div", { class: "wide", tabindex: "0", role: "group", "aria-label": t("Table") }, table);
  }

  row(line, tag = "td") {
    const texts = cells(line);
    if (texts.length > this.columns) texts.push(texts.splice(this.columns - 1).join("|"));
    return element("tr", {}, ...texts.map((text, at) => {
      const cell = new Run(element(tag, this.sides[at]));
      cell.write(text.trim().replaceAll("\\|", "|"));
      cell.show();
      return cell.node;
    }));
  }
}

const cells = (row) => row.trim().replace(/^\||(?<!\\)\|$/g, "").split(/(?<!\\)\|/);
