// Streamed Markdown becomes elements: a stack of open containers (quotes, items) and one leaf.
// A line begins its block once no later character can change which.
// Only the leaf's end is redrawn, so a piece costs the same after any answer.

import { Code } from "./highlight.js";
import { LIMIT, Rows, Run } from "./inline.js";
import { t } from "./i18n.js";
import { element } from "./view.js";

const DEPTH = 32;

const READY = /^(?![\s>*+\-\d.)]*(?:```|~~~|\$\$|\\\[)).*[^\s!-@[-`{-~xX]/; // the block is certain
const HEADING = /^ {0,3}(#{1,6})(?:\s+|$)/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const FENCE = /^\s*(```+|~~~+)\s*([\w+#.-]{0,30})[^`]*$/;
const FORMULA = /^\s*(?:\$\$(?!.*\$\$)|\\\[(?!.*\\\]))/;
const FORMULA_END = /^\s*$|(?:\$\$|\\\])\s*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^(\s*)(?:[-+*]|(\d{1,9})[.)])(?:\s{1,4}(?=\S)|\s|$)/;
const COLUMNS = /^(?=.*\|)[\s|:-]+$/;
const HEAD = /^.*\|.*$/;

export function render(target, text) {
  target.replaceChildren();
  const writer = new Writer(target);
  writer.write(text);
  writer.end();
}

/** `write` pieces, then `end`. */
export class Writer {
  #boxes; // open containers; `goes`: how a line in it begins
  #leaf = null;
  #line = "";
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

  /** `line`: its beginning, or `whole`. */
  #begin(line, whole) {
    let [depth, rest] = [1, line];
    for (let found; depth < this.#boxes.length; depth += 1, rest = rest.slice(found[0].length)) {
      const { goes, tag } = this.#boxes[depth];
      found = goes.exec(rest) ?? (tag && this.#leaf?.until && [""]); // an open fence keeps its items open
      if (!found) break;
    }
    const leaf = depth === this.#boxes.length ? this.#leaf : null;
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

  /** Open containers from `depth` and a leaf, or continue the leaf. */
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

/** A container; `length`: of its mark. */
function container(rest) {
  const quote = QUOTE.exec(rest);
  if (quote) return { node: element("blockquote"), length: quote[0].length, goes: QUOTE };
  const [mark, spaces, number] = (!RULE.test(rest) && ITEM.exec(rest)) || [];
  const goes = mark && new RegExp(`^(?: {${Math.min(mark.length, spaces.length + 2)},${mark.length}}|\t|\\s*$)`);
  return mark && { node: element("li"), length: mark.length, goes, tag: number ? "ol" : "ul", start: number && { start: Number(number) } };
}

/** A leaf and its text, or a node; `head`: what may head a table. */
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
