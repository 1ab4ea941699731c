// Shows the visible branch, and the answer being written at its end.

import { t } from "./i18n.js";
import { Writer, render } from "./markdown.js";
import { read, readSchema } from "./schema.js";
import { callView } from "./tools.js";
import { siblings } from "./tree.js";
import { $, button, copyButton, element } from "./view.js";

export class Turns {
  /** actions: as a Chat has. */
  constructor(actions) {
    this.actions = actions;
    this.live = null; // the turn being written
    this.marks = new WeakMap(); // what decides how a turn looks
  }

  /** Turns that would look the same stay. */
  show(conversation, path) {
    this.conversation = conversation;
    this.live = null;
    this.results = new Map(path.map(({ call, content }) => [call, content]));
    const turns = path.filter(({ role }) => role !== "tool");
    const shown = [...$("log").children];
    const differs = turns.findIndex((node, at) => this.marks.get(shown[at]) !== this.mark(node));
    const kept = differs < 0 ? turns.length : differs;
    keepFocus(() => {
      shown.slice(kept).forEach((old) => old.remove());
      turns.slice(kept).forEach((node) => this.append(node));
    });
  }

  append(node) {
    $("log").append(this.turn(node));
  }

  begin(node) {
    const root = $("log").lastElementChild;
    root.classList.add("writing");
    keepFocus(() => root.querySelectorAll(".actions, .problem, .verdict").forEach((old) => old.remove()));
    this.marks.delete(root);
    const text = root.querySelector(".text");
    text.replaceChildren();
    const writer = new Writer(text);
    writer.write(source(node));
    this.live = { node, root, writer, pending: "", thoughts: root.querySelector(".thought div") };
  }

  /** Text waits for the next `draw`. */
  grow({ text, thought }) {
    const { live } = this;
    live.pending += text;
    if (!thought) return;
    if (!live.thoughts) live.root.prepend(thoughts("", { open: "" }));
    live.thoughts ??= live.root.querySelector(".thought div");
    live.thoughts.append(thought);
  }

  draw() {
    const { live } = this;
    if (live.pending) live.writer.write(live.pending);
    live.pending = "";
  }

  end() {
    const { node, root, writer } = this.live;
    this.draw();
    writer.end();
    this.live = null;
    const text = node.content ? root.querySelector(".text") : undefined; // no empty box for JSON that never came
    keepFocus(() => root.replaceWith(this.turn(node, text)));
  }

  mark({ id, content, calls = [] }) {
    const answered = calls.filter((call) => this.results.has(call.id)).length;
    return [id, siblings(this.conversation, id).length, content.length, answered].join();
  }

  /** `text`: content already drawn. */
  turn(node, text = contentOf(node)) {
    const { files = [], calls = [] } = node;
    const called = calls.map((call) => callView({ ...call, result: this.results.get(call.id) }, (given) => this.actions.result(node, call, given)));
    const root = element(
      "article", { class: `turn ${node.role}`, tabindex: "-1", "aria-label": node.role === "user" ? t("You") : t("Answer") },
      node.thought && thoughts(node.thought), ...files.map(fileView), text, ...called,
      node.problem && element("p", { class: "problem" }, node.problem),
      node.schema !== undefined && !node.problem && node.content && judged(node),
    );
    root.append(this.bar(node, root, text));
    this.marks.set(root, this.mark(node));
    return root;
  }

  bar(node, root, text) {
    const { actions } = this;
    const isAnswer = node.role === "assistant";
    return element(
      "div", { class: "actions" },
      this.versions(node),
      node.content && copyButton(() => node.content),
      button(t("Edit"), () => this.edit(node, root, text), "edit"),
      isAnswer && button(node.problem ? t("Try again") : t("Regenerate"), () => actions.again(node), "again"),
      isAnswer && node.content && button(t("Continue"), () => actions.go(node)),
    );
  }

  versions(node) {
    const all = siblings(this.conversation, node.id);
    if (all.length < 2) return null;
    const at = all.indexOf(node);
    const step = (label, sign, to) => {
      const made = button(sign, () => this.actions.choose(to), "icon");
      made.ariaLabel = label;
      made.disabled = !to;
      return made;
    };
    const where = element("span", { class: "where" }, `${at + 1}/${all.length}`);
    const group = { class: "branches" };
    return element("span", group, step(t("Previous version"), "‹", all[at - 1]), where, step(t("Next version"), "›", all[at + 1]));
  }

  edit(node, root, text) {
    const field = element("textarea", { "aria-label": t("Edit") });
    const leave = () => keepFocus(() => root.replaceWith(this.turn(node)));
    const keep = () => this.actions.edit(node, field.value.trim());
    const row = element("div", { class: "row" }, button(t("Cancel"), leave), button(node.role === "user" ? t("Send") : t("Save"), keep, "main"));
    field.value = node.content;
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") leave();
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) keep();
      else return;
      event.stopPropagation();
    });
    root.lastChild.remove();
    text.replaceWith(element("div", { class: "editing" }, field, row));
    field.focus();
  }
}

/** A focus that the change loses goes to the turn that then stands there. */
function keepFocus(change) {
  const at = [...$("log").children].findIndex((turn) => turn.contains(document.activeElement));
  change();
  const turn = $("log").children[at] ?? $("log").lastElementChild;
  if (at >= 0 && document.activeElement === document.body) turn?.focus({ preventScroll: true });
}

function contentOf(node) {
  const text = element("div", { class: "text" });
  if (node.role === "user") text.textContent = node.content;
  else if (node.content) render(text, source(node));
  return text;
}

const source = ({ schema, content }) => (schema === undefined ? content : `\`\`\`json\n${content}`);

const thoughts = (text, state) =>
  element("details", { class: "thought", ...state }, element("summary", {}, t("Reasoning")), element("div", {}, text));

function fileView({ name, text, url }) {
  if (url) return element("img", { class: "picture", src: url, alt: name });
  return element("details", { class: "file" }, element("summary", {}, name), element("pre", { tabindex: "0", "aria-label": name }, text));
}

function judged({ schema, content }) {
  try {
    read(content, readSchema(schema));
    return element("p", { class: "verdict" }, `✓ ${t("The answer follows the schema.")}`);
  } catch ({ message }) {
    return element("p", { class: "verdict problem" }, `✗ ${t("The answer breaks the schema:")}\n${message}`);
  }
}
