// A text that the model continues, until a click or a key makes it a plain field.

import { completion } from "./api.js";
import { number, t } from "./i18n.js";
import { $, element, notice, on } from "./view.js";

const LONGEST = 512;

export class Notebook {
  runs = []; // nodes before each generation
  running = null;

  /** body(): how to sample. */
  constructor(page) {
    this.page = page;
    on("draft", "input", ({ target }) => this.keep(target.value));
    on("notebook", "keydown", () => this.generate(), ({ key, ctrlKey, metaKey }) => key === "Enter" && (ctrlKey || metaKey));
    on("generate", "click", () => (this.running ? this.stop() : this.generate()));
    on("undo", "click", () => this.undo());
    on("tokens", "click", () => this.edit(), () => getSelection().isCollapsed);
    $("tokens").addEventListener("keydown", (event) => this.press(event));
    on("paper", "pointerover", ({ target }) => this.tell(target), ({ target }) => !$("options").contains(target));
    on("paper", "pointerleave", () => this.tell());
    addEventListener("keydown", ({ key }) => key === "Escape" && this.tell());
  }

  show(conversation) {
    this.conversation = conversation;
    $("notebook").hidden = false;
    $("tokens").replaceChildren(conversation.text);
    this.edit();
  }

  hide() {
    this.stop();
    $("notebook").hidden = true;
  }

  async generate() {
    if (this.running) return;
    const view = $("tokens");
    const controller = (this.running = new AbortController());
    const body = { max_tokens: LONGEST, ...this.page.body(), prompt: this.conversation.text, n_probs: 5, cache_prompt: true };
    if (view.hidden) view.replaceChildren(this.conversation.text);
    this.runs.push(view.childNodes.length);
    this.turn("tokens", "draft");
    notice("");
    try {
      for await (const event of completion(body, controller.signal)) {
        if (this.running !== controller) return;
        if (!event.content) continue;
        this.keep(this.conversation.text + event.content);
        view.append(token(event));
      }
    } catch (error) {
      if (error.name !== "AbortError") notice(error.message);
    }
    if (this.running === controller) this.stop();
  }

  stop() {
    this.running?.abort();
    this.running = null;
    this.update();
  }

  undo() {
    const view = $("tokens");
    view.replaceChildren(...[...view.childNodes].slice(0, this.runs.pop()));
    this.keep(view.textContent);
    this.update();
  }

  /** The cursor goes to the click, or else the end. */
  edit() {
    const [range, { anchorNode, anchorOffset }] = [new Range(), getSelection()];
    range.selectNodeContents($("tokens"));
    if ($("tokens").contains(anchorNode)) range.setEnd(anchorNode, anchorOffset);
    const { length } = `${range}`;
    this.stop();
    this.runs = [];
    $("draft").value = this.conversation.text;
    this.turn("draft", "tokens");
    $("draft").setSelectionRange(length, length);
  }

  turn(shown, hidden) {
    $(shown).hidden = false;
    $(hidden).hidden = true;
    this.tell();
    this.update();
    $(shown).focus();
  }

  keep(text) {
    this.conversation.text = text;
    this.page.changed();
  }

  update() {
    $("generate").textContent = this.running ? t("Stop") : t("Continue");
    $("undo").disabled = this.running || !this.runs.length;
    document.body.classList.toggle("busy", this.running !== null);
  }

  /** Keys that write open the field. */
  press(event) {
    const { key, ctrlKey, metaKey, altKey } = event;
    const step = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[key];
    if (step) {
      event.preventDefault();
      this.tell(this.told ? this.told[step] ?? this.told : $("tokens").lastElementChild);
    } else if (/^(.|Backspace|Delete|Enter|Process)$/u.test(key) && !ctrlKey && !metaKey && !altKey) this.edit();
  }

  tell(node) {
    const [box, options] = [$("options"), node?.options];
    this.told?.classList.remove("told");
    this.told = options && node;
    box.hidden = !options;
    if (!options) return;
    node.classList.add("told");
    node.scrollIntoView({ block: "nearest" });
    box.replaceChildren(...options.map(([text, logprob]) => element("p", {},
      text.replaceAll(" ", "␣").replaceAll("\n", "⏎"), element("span", {}, ` ${number(Math.round(Math.exp(logprob) * 1000) / 10)} %`))));
    const { left, bottom } = node.getBoundingClientRect();
    box.style.left = `${Math.max(0, Math.min(left, innerWidth - box.offsetWidth))}px`;
    box.style.top = `${bottom}px`;
  }
}

/** `options`: `[text, logprob]`. */
function token({ content, completion_probabilities: drawn = [] }) {
  const sure = drawn.reduce((sum, { logprob }) => sum + logprob, 0);
  const options = new Map(drawn[0]?.top_logprobs.map((one) => [one.token, one.logprob])).set(content, sure);
  const node = element("span", {}, content);
  node.style.setProperty("--doubt", 1 - Math.exp(sure));
  return Object.assign(node, { options: [...options].sort((one, other) => other[1] - one[1]) });
}
