// Shows the visible branch of a conversation, and the answer that is being written at its end.

import { language, t } from "./i18n.js";
import { Writer, render } from "./markdown.js";
import { verdict } from "./schema.js";
import { callView } from "./tools.js";
import { siblings } from "./tree.js";
import { $, button, copyButton, element } from "./view.js";

const JSON_FENCE = "```json\n";

export class Turns {
  /** actions: {edit(node, text), again(node), go(node), choose(node), result(node, call, text)}, such as a Chat. */
  constructor(actions) {
    this.actions = actions;
    this.live = null; // what is being written: {node, root, writer, pending, thinking}
    this.marks = new WeakMap(); // of each turn that is shown
  }

  /** Show the turns `path` of a conversation; those that stand there already, and look as they did, stay. */
  show(conversation, path) {
    this.conversation = conversation;
    this.live = null;
    this.results = new Map(path.filter(({ role }) => role === "tool").map(({ call, content }) => [call, content]));
    const turns = path.filter(({ role }) => role !== "tool");
    const shown = [...$("log").children];
    const same = turns.findIndex((node, at) => this.marks.get(shown[at]) !== this.mark(node));
    const kept = same < 0 ? turns.length : same;
    shown.slice(kept).forEach((old) => old.remove());
    $("log").append(...turns.slice(kept).map((node) => this.turn(node)));
  }

  /** What decides how a turn looks. */
  mark({ id, content, calls = [] }) {
    const answered = calls.filter((call) => this.results.has(call.id)).length;
    return [id, language(), siblings(this.conversation, id).length, content.length, answered].join();
  }

  /** Show the turn `node` at the end. */
  append(node) {
    $("log").append(this.turn(node));
  }

  /** From now on `node`, the last turn, is being written. */
  begin(node) {
    const root = $("log").lastElementChild;
    const text = root.querySelector(".text");
    root.classList.add("writing");
    this.marks.delete(root);
    root.querySelectorAll(".actions, .problem, .verdict").forEach((old) => old.remove());
    text.replaceChildren();
    const writer = new Writer(text);
    writer.write(opening(node) + node.content);
    this.live = { node, root, writer, pending: "", thinking: root.querySelector(".thought div") };
  }

  /** Take what is new; it is drawn with the next `draw`. */
  grow({ text, thought }) {
    this.live.pending += text;
    if (thought) this.think(thought);
  }

  draw() {
    if (!this.live?.pending) return;
    this.live.writer.write(this.live.pending);
    this.live.pending = "";
  }

  /** Nothing more comes. */
  end() {
    const { node, root, writer } = this.live;
    this.draw();
    writer.end();
    this.live = null;
    root.replaceWith(this.turn(node, root.querySelector(".text")));
  }

  think(piece) {
    const { root } = this.live;
    if (!this.live.thinking) {
      root.prepend(thoughts("", true));
      this.live.thinking = root.querySelector(".thought div");
    }
    this.live.thinking.append(piece);
  }

  /** One turn; `text`: its content as it was drawn already. */
  turn(node, text = null) {
    const name = node.role === "user" ? t("You") : t("Answer");
    const root = element("article", { class: `turn ${node.role}`, "aria-label": name });
    const drawn = text ?? this.content(node);
    root.append(...[node.thought && thoughts(node.thought), ...(node.files ?? []).map(file), drawn].filter(Boolean));
    for (const call of node.calls ?? []) root.append(this.call(node, call));
    if (node.problem) root.append(element("p", { class: "problem" }, node.problem));
    if (node.schema !== undefined && !node.problem && node.content) root.append(judged(node));
    root.append(this.bar(node, root, drawn));
    this.marks.set(root, this.mark(node));
    return root;
  }

  content(node) {
    const text = element("div", { class: "text" });
    if (node.role === "user") text.textContent = node.content;
    else render(text, opening(node) + node.content);
    return text;
  }

  call(node, call) {
    return callView({ ...call, result: this.results.get(call.id) }, { result: (text) => this.actions.result(node, call, text) });
  }

  /** What can be done with a turn. */
  bar(node, root, text) {
    const { actions } = this;
    const isAnswer = node.role === "assistant";
    return element(
      "div", { class: "actions" },
      this.branches(node),
      node.content && copyButton(() => node.content),
      button(t("Edit"), () => this.edit(node, root, text), "edit"),
      isAnswer && button(node.problem ? t("Try again") : t("Regenerate"), () => actions.again(node), "again"),
      isAnswer && node.content && button(t("Continue"), () => actions.go(node), "go"),
    );
  }

  branches(node) {
    const all = siblings(this.conversation, node.id);
    if (all.length < 2) return null;
    const at = all.findIndex(({ id }) => id === node.id);
    const step = (label, sign, to) => {
      const made = button(sign, () => this.actions.choose(to), "icon");
      made.setAttribute("aria-label", label);
      made.disabled = !to;
      return made;
    };
    const where = element("span", { class: "where" }, `${at + 1}/${all.length}`);
    const name = { class: "branches", role: "group", "aria-label": t("Versions") };
    return element("span", name, step(t("Previous version"), "‹", all[at - 1]), where, step(t("Next version"), "›", all[at + 1]));
  }

  edit(node, root, text) {
    const field = element("textarea", { "aria-label": t("Edit"), rows: "3" });
    field.value = node.content;
    const leave = () => root.replaceWith(this.turn(node));
    const keep = () => this.actions.edit(node, field.value.trim());
    const save = button(node.role === "user" ? t("Send") : t("Save"), keep, "main");
    const form = element("div", { class: "editing" }, field, element("div", { class: "row" }, button(t("Cancel"), leave), save));
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") leave();
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) keep();
      else return;
      event.stopPropagation();
    });
    root.querySelector(".actions").remove();
    text.replaceWith(form);
    field.style.height = `${Math.min(field.scrollHeight + 4, innerHeight / 2)}px`;
    field.focus();
  }
}

const opening = ({ schema }) => (schema === undefined ? "" : JSON_FENCE);

function thoughts(text, open = false) {
  const body = element("div", {}, text);
  return element("details", { class: "thought", ...(open && { open: "" }) }, element("summary", {}, t("Thoughts")), body);
}

function file({ name, text, url }) {
  if (url) return element("img", { class: "picture", src: url, alt: name });
  return element("details", { class: "file" }, element("summary", {}, name), element("pre", { tabindex: "0", "aria-label": name }, text));
}

function judged({ schema, content }) {
  const { ok, problems } = verdict(schema, content);
  if (ok) return element("p", { class: "verdict" }, `✓ ${t("The answer follows the schema.")}`);
  return element("div", { class: "verdict problem" }, `✗ ${t("The answer does not follow the schema:")}`, element("ul", {}, ...problems.map((one) => element("li", {}, one))));
}
