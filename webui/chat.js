// The conversation that is open: asks, answers, branches, and keeps what was said.

import { Answer } from "./answer.js";
import * as api from "./api.js";
import { messages } from "./request.js";
import { fields, settings } from "./settings.js";
import * as store from "./store.js";
import * as tree from "./tree.js";
import { Turns } from "./turns.js";
import { $, notice } from "./view.js";

const SAVE_MS = 5000;
const NEAR_PX = 80;

export class Chat {
  /** page: {meter, changed(): the conversation or its state is another, kept(): it was stored, failed(error)}. */
  constructor(page) {
    this.page = page;
    this.turns = new Turns(this);
    this.conversation = tree.create("chat");
    this.running = null; // the answer that is being written
    this.following = true; // the end stays in sight
    this.frame = 0; // in which is drawn next
    this.saving = 0;
    $("scroll").addEventListener("scroll", () => (this.following = this.nearEnd()), { passive: true });
    addEventListener("pagehide", () => this.saving && this.save());
  }

  get busy() { return this.running !== null; }

  get path() { return tree.path(this.conversation); }

  /** What the last answer cost; undefined before one. */
  get figures() { return this.path.findLast(({ figures }) => figures)?.figures; }

  /** Ask; returns whether it was taken. */
  send(content, files = []) {
    if (this.busy || (!content && !files.length)) return false;
    tree.add(this.conversation, this.conversation.leaf, { role: "user", content, ...(files.length && { files }) });
    this.turns.append(this.conversation.nodes[this.conversation.leaf]);
    this.answer();
    return true;
  }

  /** End the answer here; what has been written stays. */
  stop() { this.running?.stop(); }

  /** Open another conversation. */
  show(conversation) {
    if (this.busy || this.saving) this.save();
    this.stop();
    this.running = null;
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    $("log").setAttribute("aria-busy", "false");
    $("log").setAttribute("aria-live", "off"); // only what is new is read out
    this.conversation = conversation;
    this.following = true;
    this.redraw();
  }

  redraw() {
    this.turns.show(this.conversation, this.path);
    this.page.meter.show(this.figures);
    this.page.changed();
    if (this.following) this.toEnd();
  }

  // ---- what can be done with a turn

  /** Another wording of a turn, beside the old one. */
  edit({ parent, role, files }, content) {
    if (this.busy || !content) return;
    tree.add(this.conversation, parent, { role, content, ...(files && { files }) });
    this.redraw();
    if (role === "user") this.answer();
    else this.save();
  }

  /** Another answer, beside the old one. */
  again(node) {
    if (this.busy) return;
    this.conversation.leaf = node.parent;
    this.redraw();
    this.answer();
  }

  /** Let the model go on with its answer. */
  go(node) {
    if (this.busy) return;
    this.conversation.leaf = node.id;
    this.redraw();
    this.answer(node);
  }

  choose(node) {
    if (this.busy) return;
    tree.choose(this.conversation, node.id);
    this.redraw();
    this.save();
  }

  /** Keep what a tool gave; with the last one the model goes on. */
  result(node, call, content) {
    if (this.busy) return;
    tree.add(this.conversation, this.conversation.leaf, { role: "tool", content, call: call.id });
    const given = new Set(this.path.map((one) => one.call));
    this.redraw();
    if (node.calls.every(({ id }) => given.has(id))) this.answer();
    else this.save();
  }

  // ---- an answer

  /** Write an answer below the visible branch, or go on with `node`, its last turn. */
  answer(node = null) {
    const { page, turns } = this;
    const asked = messages(this.path, this.conversation.system ?? settings.server.props?.system_prompt);
    if (!node) turns.append((node = tree.add(this.conversation, this.conversation.leaf, { role: "assistant", content: "" })));
    const { on, text } = settings.value.schema;
    if (on) node.schema = text;
    turns.begin(node);
    const running = (this.running = new Answer(api.chat, node, {
      grown: (what) => this.running === running && this.grow(what),
      reading: (progress) => this.running === running && page.meter.reading(progress),
      ended: (error) => this.running === running && this.end(error),
    }));
    this.following = true;
    $("log").setAttribute("aria-live", "polite");
    $("log").setAttribute("aria-busy", "true");
    notice("");
    page.changed();
    this.save();
    running.run({ ...fields(), messages: asked });
  }

  grow(what) {
    this.turns.grow(what);
    this.frame ||= requestAnimationFrame(() => this.draw());
    this.saveSoon();
  }

  draw() {
    this.frame = 0;
    this.turns.draw();
    this.page.meter.writing(this.running.speed);
    if (this.following) this.toEnd();
  }

  end(error) {
    cancelAnimationFrame(this.frame);
    this.draw();
    this.running = null;
    this.turns.end();
    $("log").setAttribute("aria-busy", "false");
    this.page.meter.show(this.figures);
    if (this.following) this.toEnd();
    this.save();
    this.page.changed();
    if (error?.status === 401) this.page.failed(error);
  }

  // ---- storing

  saveSoon() {
    this.saving ||= setTimeout(() => this.save(), SAVE_MS);
  }

  async save() {
    clearTimeout(this.saving);
    this.saving = 0;
    const { conversation } = this;
    if (!conversation.leaf && !conversation.text) return;
    await store.write(conversation);
    if (conversation === this.conversation) this.page.kept();
  }

  toEnd() { $("scroll").scrollTop = $("scroll").scrollHeight; }

  nearEnd() {
    const { scrollHeight, scrollTop, clientHeight } = $("scroll");
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }
}
