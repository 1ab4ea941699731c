// The notebook: a text that the model goes on with, and what else it could have written.
//
// What it wrote is shown token by token; a click there, or a key, turns it into a plain field, in which all can be changed.

import { completion } from "./api.js";
import { number, t } from "./i18n.js";
import { $, element, notice, on } from "./view.js";

const LONGEST = 512;

export class Notebook {
  runs = []; // for each generation that is shown: how many nodes stood there before
  running = null;

  /** body(): how is to be sampled; changed(): the text is another. */
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

  /** Let the model go on. */
  async generate() {
    if (this.running) return;
    const [controller, view] = [(this.running = new AbortController()), $("tokens")];
    const body = { max_tokens: LONGEST, ...this.page.body(), prompt: this.conversation.text, n_probs: 5, cache_prompt: true };
    if (view.hidden) view.replaceChildren(this.conversation.text);
    this.runs.push(view.childNodes.length);
    this.turn(true);
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

  /** Take back what was written last. */
  undo() {
    const [view, before] = [$("tokens"), this.runs.pop()];
    while (view.childNodes.length > before) view.lastChild.remove();
    this.keep(view.textContent);
    this.update();
  }

  /** Show the plain field, with the cursor where somebody clicked, or else at the end. */
  edit() {
    const [range, { anchorNode, anchorOffset }] = [new Range(), getSelection()];
    range.selectNodeContents($("tokens"));
    if ($("tokens").contains(anchorNode)) range.setEnd(anchorNode, anchorOffset);
    this.stop();
    this.runs = [];
    $("draft").value = this.conversation.text;
    this.turn(false);
    $("draft").setSelectionRange(`${range}`.length, `${range}`.length);
  }

  /** Show the tokens, or the field. */
  turn(isToken) {
    const shown = $(isToken ? "tokens" : "draft");
    $("tokens").hidden = !isToken;
    $("draft").hidden = isToken;
    this.tell();
    this.update();
    shown.focus();
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

  /** Left and right go from token to token; what writes, writes in the field. */
  press(event) {
    const { key, ctrlKey, metaKey, altKey } = event;
    const step = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[key];
    if (step) {
      event.preventDefault();
      this.tell(this.told ? this.told[step] ?? this.told : $("tokens").lastElementChild);
    } else if ((key.length === 1 || /^(Backspace|Delete|Enter|Process)$/.test(key)) && !ctrlKey && !metaKey && !altKey) this.edit();
  }

  /** Show below a token what else it could have been. */
  tell(node) {
    const [box, { options }] = [$("options"), node ?? {}];
    this.told?.classList.remove("told");
    this.told = options ? node : null;
    box.hidden = !options;
    if (!options) return;
    node.classList.add("told");
    node.scrollIntoView({ block: "nearest" });
    box.replaceChildren(...options.map(([text, share]) =>
      element("p", {}, visible(text), element("span", {}, ` ${number(Math.round(share * 1000) / 10)} %`))));
    const { left, bottom } = node.getBoundingClientRect();
    box.style.left = `${Math.max(0, Math.min(left, innerWidth - box.offsetWidth))}px`;
    box.style.top = `${bottom}px`;
  }
}

const visible = (text) => text.replaceAll(" ", "␣").replaceAll("\n", "⏎");

/** A token as an element with its `options`, `[text, share]`; the less sure the model was, the stronger its mark. */
function token({ content, completion_probabilities: drawn = [] }) {
  const share = Math.exp(drawn.reduce((sum, { logprob }) => sum + logprob, 0));
  const others = (drawn[0]?.top_logprobs ?? []).map((one) => [one.token, Math.exp(one.logprob)]).filter(([text]) => text !== content);
  const node = element("span", {}, content);
  node.style.setProperty("--doubt", 1 - share);
  return Object.assign(node, { options: [[content, share], ...others].sort((one, other) => other[1] - one[1]) });
}
