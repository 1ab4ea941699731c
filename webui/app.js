// The page: wires form, settings and keyboard to one conversation.

import * as api from "./api.js";
import { Conversation } from "./chat.js";
import * as settings from "./settings.js";
import { button, copyButton, element, show, turn } from "./view.js";

const POLL_MS = 300;
const NEAR_PX = 80;

const $ = (id) => document.getElementById(id);
let chosen = settings.load($("choices"), localStorage);
let context = 0; // tokens that fit; 0: not known yet
let answer = null; // the turn that is being written
let frame = 0; // in which it is drawn next

const conversation = new Conversation(api.chat, {
  begun() {
    answer = { ...turn("assistant", "Answer"), source: "" };
    answer.root.classList.add("writing");
    document.querySelectorAll(".again").forEach((old) => old.remove());
    change(() => $("log").append(answer.root), true);
  },
  grown(text) {
    answer.source = text;
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      draw();
    });
  },
  ended({ error, figures }) {
    draw();
    answer.root.classList.remove("writing");
    change(() => answer.root.append(...ending(answer.source, error, figures)));
    if (figures && context) $("figures").textContent = `${api.count(figures.total_tokens)} of ${api.count(context)} tokens of context`;
    if (error?.status === 401) $("ask-key").showModal();
    else $("input").focus();
  },
});

const draw = () => change(() => show(answer.text, answer.source));

/** Change the conversation; the end stays in sight if it was, or if `follow`. */
function change(action, follow = false) {
  const { scrollHeight, scrollTop, clientHeight } = $("scroll");
  const near = follow || scrollHeight - scrollTop - clientHeight < NEAR_PX;
  action();
  $("welcome").hidden = $("log").childElementCount > 0;
  $("log").setAttribute("aria-busy", conversation.busy);
  $("send").setAttribute("aria-label", conversation.busy ? "Stop" : "Send");
  document.body.classList.toggle("busy", conversation.busy);
  if (near) $("scroll").scrollTop = $("scroll").scrollHeight;
}

/** What stands below an answer. */
function* ending(text, error, figures) {
  const told = error?.message.replace(/^Loading model$/, "The model is being loaded again. Try in a moment.");
  if (error) yield element("p", { class: "problem" }, told);
  const speed = figures?.predicted_per_second ? `${Math.round(figures.predicted_per_second)} tokens/s` : "";
  const again = button(error ? "Try again" : "Regenerate", regenerate, "again");
  yield element("div", { class: "actions" }, text && copyButton(() => text), again, element("span", {}, speed));
}

function send() {
  const text = $("input").value.trim();
  if (!text || conversation.busy || $("send").disabled) return;
  $("input").value = "";
  grow();
  const asked = turn("user", "You");
  asked.text.textContent = text;
  $("log").append(asked.root);
  conversation.send(text, chosen);
}

function regenerate() {
  $("log").lastElementChild.remove();
  conversation.regenerate(chosen);
}

function restart() {
  conversation.clear();
  $("figures").textContent = "";
  change(() => $("log").replaceChildren());
  $("input").focus();
}

/** Make the field as high as its text, for browsers without `field-sizing`. */
function grow() {
  $("input").style.height = "auto";
  $("input").style.height = $("input").value && `${$("input").scrollHeight}px`;
}

/** Wait for the model, then show what is known about it. */
async function begin() {
  for (let trouble; (trouble = await api.get("health").then(() => null, (error) => error)); ) {
    const loading = trouble.message === "Loading model";
    document.body.classList.toggle("loading", loading);
    $("greeting").textContent = loading ? "Loading the model…" : "The model cannot be used";
    $("notice").textContent = loading ? "" : trouble.message;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  document.body.classList.remove("loading");
  $("greeting").textContent = "What is on your mind?";
  $("send").disabled = false;
  describe();
}

async function describe() {
  $("notice").textContent = "";
  try {
    const { model_alias: name, default_generation_settings: defaults } = await api.get("props");
    context = defaults.n_ctx;
    $("model").textContent = document.title = name;
    $("choices").elements.temperature.placeholder = defaults.params.temperature;
  } catch (error) {
    if (error.status === 401) $("ask-key").showModal();
    else $("notice").textContent = error.message;
  }
}

function useKey(key) {
  api.setKey(key);
  $("ask-key").close();
  describe();
}

/** Call `action` at an event, in place of what the browser would do. */
function on(id, type, action, when = () => true) {
  $(id).addEventListener(type, (event) => {
    if (!when(event)) return;
    event.preventDefault();
    action();
  });
}

on("composer", "submit", () => (conversation.busy ? conversation.stop() : send()));
on("choices", "submit", () => $("settings").close());
on("choices", "input", () => (chosen = settings.save($("choices"), localStorage)));
on("key-form", "submit", () => useKey($("key").value));
on("open-settings", "click", () => $("settings").showModal());
on("new", "click", restart);
on("input", "input", grow);
on("input", "keydown", send, (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing);
on("page", "keydown", () => conversation.stop(), (event) => event.key === "Escape" && !document.querySelector("dialog[open]"));

// A link may bring a key; it stays in this tab and leaves the address.
const brought = new URLSearchParams(location.hash.slice(1)).get("key");
if (brought) {
  api.setKey(brought);
  history.replaceState(null, "", location.pathname);
}
begin();
