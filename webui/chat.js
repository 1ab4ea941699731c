// The open conversation: asks, answers, branches, is stored.

import { gather } from "./answer.js";
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
  conversation = tree.create();
  turns = new Turns(this);
  running = null; // the AbortController of an answer
  following = true; // keep the end in sight

  /** page: {meter, changed, kept, failed}. */
  constructor(page) {
    this.page = page;
    $("scroll").addEventListener("scroll", ({ target: { scrollHeight, scrollTop, clientHeight } }) => {
      this.following = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    }, { passive: true });
    addEventListener("pagehide", () => this.saving && this.save());
  }

  get busy() { return this.running !== null; }
  get path() { return tree.path(this.conversation); }

  get figures() { return this.path.findLast(({ figures }) => figures)?.figures; }

  send(content, files = []) {
    if (this.busy || (!content && !files.length)) return false;
    this.turns.append(this.add({ role: "user", content, ...(files.length && { files }) }));
    this.answer();
    return true;
  }

  add(fields, parent = this.conversation.leaf) {
    return tree.add(this.conversation, parent, fields);
  }

  stop() { this.running?.abort(); }

  show(conversation) {
    if (this.busy || this.saving) this.save();
    this.stop();
    this.rest();
    $("log").ariaLive = "off"; // only new text is read out
    this.conversation = conversation;
    this.following = true;
    this.redraw();
  }

  redraw() {
    this.turns.show(this.conversation, this.path);
    this.page.meter.show(this.figures);
    this.page.changed();
    this.toEnd();
  }

  /** A new wording beside the old one. */
  edit({ parent, role, files }, content) {
    if (this.busy || !content) return;
    this.add({ role, content, ...(files && { files }) }, parent);
    this.goOn(role === "user");
  }

  again({ parent }) {
    if (this.busy) return;
    this.conversation.leaf = parent;
    this.goOn(true);
  }

  go(node) {
    if (this.busy) return;
    this.conversation.leaf = node.id;
    this.goOn(true, node);
  }

  choose({ id }) {
    if (this.busy) return;
    tree.choose(this.conversation, id);
    this.goOn(false);
  }

  /** The model waits for all results. */
  result({ calls }, { id }, content) {
    if (this.busy) return;
    this.add({ role: "tool", content, call: id });
    const given = new Set(this.path.map(({ call }) => call));
    this.goOn(calls.every((call) => given.has(call.id)));
  }

  goOn(answers, node) {
    this.redraw();
    if (answers) this.answer(node);
    else this.save();
  }

  /** A new answer, or more of `node`, the last turn. */
  async answer(node = null) {
    const { turns, page } = this;
    const asked = messages(this.path, this.conversation.system ?? settings.server.props?.system_prompt);
    if (!node) turns.append((node = this.add({ role: "assistant", content: "" })));
    if (settings.value["schema.on"]) node.schema = settings.value["schema.text"] ?? "";
    delete node.problem;
    turns.begin(node);
    const running = (this.running = new AbortController());
    Object.assign(this, { following: true, tokens: 0 });
    Object.assign($("log"), { ariaBusy: "true", ariaLive: "polite" });
    notice("");
    page.changed();
    this.save();
    try {
      for await (const chunk of api.chat({ ...fields(), messages: asked }, running.signal)) {
        if (this.running !== running) return; // another conversation is open
        this.take(node, chunk);
      }
    } catch (error) {
      if (this.running !== running) return;
      if (!running.signal.aborted) node.problem = error.message;
      if (error.status === 401) page.failed(error);
    }
    this.end();
  }

  take(node, chunk) {
    if (chunk.prompt_progress) this.page.meter.reading(chunk.prompt_progress);
    const grown = gather(node, chunk);
    if (!grown.text && !grown.thought) return;
    if (!this.tokens++) this.began = performance.now();
    this.turns.grow(grown);
    this.frame ||= requestAnimationFrame(() => this.draw());
    this.saveSoon();
  }

  draw() {
    this.frame = 0;
    this.turns.draw();
    this.page.meter.writing(this.tokens, performance.now() - this.began);
    this.toEnd();
  }

  end() {
    this.rest();
    this.turns.end();
    this.page.meter.show(this.figures);
    this.page.changed();
    this.toEnd();
    this.save();
  }

  rest() {
    this.running = null;
    $("log").ariaBusy = "false";
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  toEnd() {
    if (this.following) $("scroll").scrollTop = $("scroll").scrollHeight;
  }

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
}
