// Markdown that streams in becomes elements, each line once: a stack of open containers (quotes, items) and one open leaf.
//
// What a line begins is decided as soon as no later character can change it, at the latest after LIMIT; until then it is not shown.
// From then on its text goes to the leaf: a paragraph, a heading, code, a formula, a table.

import { Code } from "./highlight.js";
import { Lines, Run } from "./inline.js";
import { t } from "./i18n.js";
import { element } from "./view.js";

const DEPTH = 32;
const LIMIT = 1000;

const PLAIN = /^[^\s#>+\-*_\d`~$\\[|]/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+|$)/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const FENCE = /^ {0,3}(?:(`{3,})([^`]*)|(~{3,})(.*))$/;
const FORMULA = /^ {0,3}(?:\$\$(?!.*\$\$)|\\\[(?!.*\\\]))/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^ {0,3}(?:([-+*])|(\d{1,9})([.)]))(?:[ \t]+|$)/;
const TASK = /^\[([ xX])\] /;
const ROW = /^ {0,3}\|/;
// What may still become another kind of block, as long as its line has not ended.
const PARTIAL = new RegExp(String.raw`^ {0,3}(?:#{1,6}[ \t]*|([-*_])(?:[ \t]*\1)*[ \t]*|(?:\+|\d{1,9}[.)]?)[ \t]*|\`{1,2}`
  + String.raw`|\`{3,}[^\`]*|~{1,2}|~{3,}.*|\$|\$\$(?!.*\$\$).*|\\|\\\[(?!.*\\\]).*|\[[ xX]?\]?)$`);

/** Show a whole text in `target`. */
export function render(target, text) {
  target.replaceChildren();
  const writer = new Writer(target);
  writer.write(text);
  writer.end();
}

/** Shows a text in `target` while it comes: `write` piece by piece, then `end`. */
export class Writer {
  #boxes; // the open containers: {node}, and of an item {list, mark, need, offset}
  #leaf = null;
  #line = ""; // as long as it is not decided
  #decided = false;
  #gap = false; // a blank line came before

  constructor(target) {
    this.#boxes = [{ node: target }];
  }

  write(piece) {
    const lines = piece.replaceAll("\r", "").split("\n");
    for (const [n, text] of lines.entries()) {
      if (n) this.#endLine();
      if (this.#decided) this.#put(text);
      else this.#line += text;
      const long = this.#line.length >= LIMIT;
      if (!this.#decided && text && (long || n === lines.length - 1)) this.#decide(this.#line.slice(0, LIMIT), long, false);
    }
    this.#leaf?.show();
  }

  end() {
    if (this.#line) this.#endLine();
    this.#close();
  }

  #endLine() {
    if (!this.#decided) this.#decide(this.#line, true, true);
    if (this.#leaf?.kind === "heading") this.#close();
    this.#line = "";
    this.#decided = false;
  }

  /** Find out what a line is, of which `line` is known, and begin it. `now`: it must be decided; `whole`: it has ended. */
  #decide(line, now, whole) {
    const [depth, rest] = this.#match(line);
    const inside = depth === this.#boxes.length;
    if (blank(rest) && !now) return;
    if (inside && this.#leaf?.closes) this.#continue(rest, now, whole);
    else if (blank(rest) && whole) this.#blank(depth);
    else this.#begin(rest, depth, inside ? this.#leaf : null, now, whole);
  }

  /** How many containers go on in a line, and what is left of it. An open fence holds the items around it. */
  #match(line) {
    let [depth, rest] = [1, line];
    for (; depth < this.#boxes.length; depth += 1) {
      const { list, need, offset } = this.#boxes[depth];
      const quote = list ? null : QUOTE.exec(rest);
      if (list ? !blank(rest) && indent(rest) < need && !this.#leaf?.closes : !quote) break;
      rest = list ? dedent(rest, offset) : rest.slice(quote[0].length);
    }
    return [depth, rest];
  }

  /** A line of a fence or a formula. */
  #continue(rest, now, whole) {
    const formula = this.#leaf.kind === "formula";
    const closes = whole && this.#leaf.closes(rest);
    if (!now && (formula || /^\s*[`~]*\s*$/.test(rest))) return;
    if (!closes || formula) this.#start(rest, whole);
    if (closes) this.#close();
  }

  #blank(depth) {
    if (this.#leaf?.kind === "code" && depth === this.#boxes.length) this.#leaf.blanks += 1;
    else this.#close();
    this.#boxes.length = depth;
    this.#gap = true;
  }

  /** Any other line: it goes on with the leaf, or opens containers and a leaf in the container `depth`. `leaf`: that of this container. */
  #begin(line, depth, leaf, now, whole) {
    if (leaf?.head?.includes("|") && leaf.head.length < LIMIT && /^[ \t|:-]+$/.test(line)) {
      if (!now) return;
      if (whole && line.includes("|")) return this.#table(line);
    }
    const opens = [];
    let rest = line;
    while (!PLAIN.test(rest)) {
      if (!now && (blank(rest) || PARTIAL.test(rest))) return;
      const box = depth + opens.length <= DEPTH && container(rest, leaf?.head !== undefined && !opens.length);
      if (!box) break;
      opens.push(box);
      rest = rest.slice(box.offset);
      if (box.mark && TASK.test(rest)) {
        box.look = { class: "task" };
        rest = rest.replace(TASK, (_, done) => (done === " " ? "☐ " : "☑ "));
      }
    }
    const open = opens.length ? null : this.#leaf; // with which this line may go on
    const goes = open?.head !== undefined && !ROW.test(rest);
    const found = PLAIN.test(rest) ? null : block(rest, whole, goes);
    if (found?.blanks !== undefined && open && open === leaf && leaf.kind === "code") {
      for (; leaf.blanks; leaf.blanks -= 1) leaf.line();
      return this.#start(found.text, whole);
    }
    if (!found && leaf && open?.kind === "table") {
      if (rest.includes("|")) return this.#start(rest, whole);
      if (!now) return;
    }
    if (!found && goes) {
      open.head = null;
      open.write("\n");
      return this.#start(rest.trimStart(), whole);
    }
    this.#close();
    this.#open(opens, depth);
    const { text, make } = found ?? { text: rest.trimStart(), make: () => new Run(element("p"), { head: "" }) };
    const made = make?.();
    if (made) this.#boxes.at(-1).node.append(made.node ?? made);
    if (made?.node) this.#leaf = made;
    if (text !== undefined) this.#start(text, whole);
  }

  /** Open containers in the container `depth`; those deeper are closed. */
  #open(opens, depth) {
    const before = this.#boxes[depth];
    let list = opens[0]?.mark && before?.mark === opens[0].mark ? before.list : null; // which goes on with another item
    if (this.#gap) (list ?? this.#boxes[depth - 1].list)?.setAttribute("class", "loose");
    this.#gap = false;
    this.#boxes.length = depth;
    for (const box of opens) {
      const outer = this.#boxes.at(-1).node;
      box.node = element(box.mark ? "li" : "blockquote", box.look);
      if (box.mark && !list) outer.append((list = element(...box.tag)));
      (list ?? outer).append(box.node);
      this.#boxes.push(Object.assign(box, { list }));
      list = null;
    }
  }

  /** The paragraph so far was the head of a table, whose columns `marks` describes. */
  #table(marks) {
    const { node, head } = this.#leaf;
    this.#leaf = new Table(head, marks);
    node.replaceWith(this.#leaf.node);
  }

  /** What is known of a line goes to the leaf, and so does the rest when it comes. */
  #start(text, whole) {
    this.#decided = !whole;
    this.#leaf.line?.();
    this.#put(text + this.#line.slice(LIMIT));
  }

  #put(text) {
    if (this.#leaf.head?.length < LIMIT) this.#leaf.head += text;
    this.#leaf.write(text);
  }

  #close() {
    this.#leaf?.end();
    this.#leaf = null;
  }
}

const blank = (text) => !/\S/.test(text);
const indent = (text) => /^[ \t]*/.exec(text)[0].replaceAll("\t", "    ").length;

/** A line without its first `columns` columns of space, as far as it has them. */
function dedent(line, columns) {
  let at = 0;
  for (let left = columns; left > 0 && /[ \t]/.test(line[at] ?? ""); at += 1) left -= line[at] === "\t" ? 4 : 1;
  return line.slice(at);
}

/** The container that `rest` opens: where its content begins, and of an item what its list is and how far its lines are indented. */
function container(rest, interrupts) {
  const quote = QUOTE.exec(rest);
  if (quote) return { offset: quote[0].length };
  const [all, bullet, number, dot] = (!RULE.test(rest) && ITEM.exec(rest)) || [];
  if (!all || (interrupts && (all === rest || Number(number ?? 1) !== 1))) return null; // within a paragraph that is rather text
  const marker = all.trimEnd().length;
  const spaces = all.length - marker;
  const offset = marker + (spaces > 4 || all === rest ? 1 : spaces);
  const tag = bullet ? ["ul"] : ["ol", Number(number) === 1 ? {} : { start: Number(number) }];
  return { tag, mark: bullet ?? dot, offset, need: Math.min(offset, indent(rest) + 2) };
}

/** What `rest` begins, if no paragraph: how to make it, and the text that goes into it. `goes`: a paragraph could go on. */
function block(rest, whole, goes) {
  if (blank(rest) && whole) return {};
  if (indent(rest) >= 4 && !goes) return { blanks: 0, make: () => Object.assign(new Code(), { blanks: 0 }), text: dedent(rest, 4) };
  const heading = HEADING.exec(rest);
  if (heading) return { make: () => new Run(element(`h${heading[1].length}`), { kind: "heading" }), text: rest.slice(heading[0].length) };
  if (!whole) return null;
  if (RULE.test(rest)) return { make: () => element("hr") };
  if (FORMULA.test(rest)) return { make: () => new Formula(), text: rest.trimStart() };
  const [, ticks, info, tildes = ticks, other = info] = FENCE.exec(rest) ?? [];
  if (!tildes) return null;
  const closes = (line) => line.trim().length >= tildes.length && line.trim() === tildes[0].repeat(line.trim().length);
  return { make: () => Object.assign(new Code(/^[\w+#.-]{1,30}/.exec(other.trim())?.[0]), { closes }) };
}

/** What stands between $$ and $$, or \[ and \], as it is. */
class Formula extends Lines {
  kind = "formula";

  constructor() {
    super(element("div", { class: "math display" }));
    this.node = this.into;
  }

  closes(line) {
    return blank(line) || /(?:\$\$|\\\])\s*$/.test(line);
  }

  parts(line) {
    return [line];
  }
}

/** A table that grows row by row; what a row has beyond the last column stays in that. */
class Table extends Lines {
  kind = "table";
  newline = "";

  constructor(head, marks) {
    super(element("tbody"));
    this.sides = cells(marks).map((mark) => (/:\s*$/.test(mark) ? { class: /^\s*:/.test(mark) ? "center" : "right" } : {}));
    this.columns = cells(head).length;
    const table = element("table", {}, element("thead", {}, ...this.parts(head, true, "th")), this.into);
    this.node = element("div", { class: "wide", tabindex: "0", role: "group", "aria-label": t("Table") }, table);
  }

  parts(line, _, tag = "td") {
    const texts = cells(line);
    if (texts.length > this.columns) texts.push(texts.splice(this.columns - 1).join("|"));
    return [element("tr", {}, ...texts.map((text, at) => {
      const cell = new Run(element(tag, this.sides[at]));
      cell.write(text.trim().replaceAll("\\|", "|"));
      cell.end();
      return cell.node;
    }))];
  }
}

const cells = (row) => row.trim().replace(/^\||(?<!\\)\|$/g, "").split(/(?<!\\)\|/);
