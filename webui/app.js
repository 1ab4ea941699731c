// Puts the page together, and learns from the server what the assistant can do.

import * as api from "./api.js";
import { Attachments } from "./attach.js";
import { Chat } from "./chat.js";
import { t } from "./i18n.js";
import * as life from "./life.js";
import { Meter } from "./meter.js";
import { Notebook } from "./notebook.js";
import { Panel } from "./panel.js";
import { sampling, settings } from "./settings.js";
import { shortcuts } from "./shortcuts.js";
import { Sidebar } from "./sidebar.js";
import * as store from "./store.js";
import { setAccent } from "./theme.js";
import * as tree from "./tree.js";
import { $, button, element, notice, on } from "./view.js";

const POLL_MS = 300;
const NARROW = matchMedia("(max-width: 60rem)");

const meter = new Meter();
const chat = new Chat({ meter, changed, kept, failed });
const attachments = new Attachments({ sees: () => settings.server.props?.modalities.vision, count: api.count, room: () => meter.room });
const notebook = new Notebook({ body: sampling, changed: () => chat.saveSoon() });
const sidebar = new Sidebar({ open, fresh, current: () => chat.conversation.id });
const panel = new Panel({ conversation: () => chat.conversation, changed: () => chat.saveSoon() });

function send() {
  if (chat.busy || attachments.reading || $("send").disabled) return;
  if (chat.send($("input").value.trim(), attachments.take())) $("input").value = "";
}

function stop() {
  const running = document.body.classList.contains("busy");
  chat.stop();
  notebook.stop();
  return running;
}

function changed() {
  const { mode, leaf } = chat.conversation;
  $("welcome").hidden = mode !== "chat" || leaf !== null;
  $("log").hidden = $("composer").hidden = mode !== "chat";
  $("send").ariaLabel = chat.busy ? t("Stop") : t("Send");
  document.body.classList.toggle("busy", chat.busy);
}

function kept() {
  const { id, leaf, text } = chat.conversation;
  history.replaceState(null, "", leaf || text ? `#chat=${id}` : location.pathname);
  sidebar.refresh();
}

function failed({ status, message }) {
  if (status === 401) $("ask-key").showModal();
  else notice(message);
}

async function open(id) {
  const found = await store.read(id);
  if (found) show(found);
  else notice(t("This conversation is gone."));
}

function fresh(mode = "chat") {
  show(tree.create(mode));
}

function show(conversation) {
  notebook.hide();
  chat.show(conversation);
  if (conversation.mode === "notebook") notebook.show(conversation);
  notice("");
  kept();
  panel.refresh();
  if (NARROW.matches) toggle("sidebar", false);
  if (conversation.mode === "chat") $("input").focus();
}

/** A column covers a narrow page. */
function toggle(id, shown = $(id).hidden) {
  const opener = $(id === "panel" ? "open-settings" : "show-sidebar");
  const wasHere = $(id).contains(document.activeElement);
  if (shown && NARROW.matches) toggle(id === "panel" ? "sidebar" : "panel", false);
  $(id).hidden = !shown;
  opener.setAttribute("aria-expanded", String(shown));
  $("stage").inert = NARROW.matches && !($("panel").hidden && $("sidebar").hidden);
  if (shown) $(id).querySelector("button, input, select, textarea, summary")?.focus();
  else if (wasHere) opener.focus();
}

async function introduce() {
  const assistant = await api.get("assistant").catch(() => ({}));
  $("model").textContent = document.title = assistant.name ?? "lmfile";
  setAccent(assistant.color);
  $("starters").append(...(assistant.starters ?? []).map((text) => element("li", {}, button(text, () => ask(text)))));
  life.begin(assistant);
  return assistant;
}

function ask(text) {
  $("input").value = text;
  send();
}

async function wait({ greeting }) {
  for (let trouble; (trouble = await api.get("health").then(() => null, (error) => error)); ) {
    const { message, models: [model] } = trouble;
    const loads = model?.state === "loading";
    $("greeting").textContent = loads ? t("Loading the model…") : t("The model cannot be used");
    notice(loads ? "" : message);
    $("loading").hidden = !loads;
    if (model?.progress) $("loading").value = model.progress;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  $("loading").hidden = true;
  $("greeting").textContent = greeting || t("What is on your mind?");
}

async function describe() {
  notice("");
  try {
    const [props, models, adapters] = await Promise.all(["props", "v1/models", "lora-adapters"].map(api.get));
    settings.server = { props, models: models.data, adapters };
    meter.context = props.default_generation_settings.n_ctx;
    meter.show(chat.figures);
    panel.refresh();
    $("send").disabled = false;
  } catch (error) {
    failed(error);
  }
}

function bind() {
  on("composer", "submit", () => (chat.busy ? stop() : send()));
  on("input", "keydown", send, (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing);
  on("key-form", "submit", () => {
    api.setKey($("key").value);
    $("ask-key").close();
    describe();
  });
  on("new", "click", () => fresh());
  on("show-sidebar", "click", () => toggle("sidebar"));
  on("open-settings", "click", () => toggle("panel"));
  NARROW.addEventListener("change", () => toggle("panel", false) ?? toggle("sidebar", false));
  shortcuts({
    newChat: () => fresh(), search: () => toggle("sidebar", true), list: () => toggle("sidebar"), settings: () => toggle("panel"),
    message: () => $("input").focus(), stop, close: () => toggle($("panel").hidden ? "sidebar" : "panel", false),
    regenerate: () => $("log").querySelector(".turn:last-child .again")?.click(),
  });
}

/** A link's key leaves the address with `fresh`. */
function readAddress() {
  const brought = new URLSearchParams(location.hash.slice(1));
  if (brought.get("key")) api.setKey(brought.get("key"));
  return brought.get("chat");
}

bind();
const wanted = readAddress();
fresh();
const assistant = await introduce();
if (wanted) await open(wanted);
await wait(assistant);
await describe();
