// The list of conversations: search, rename, delete, export, import.

import { date, t } from "./i18n.js";
import * as store from "./store.js";
import { fromFile, toJson, toMarkdown } from "./transfer.js";
import { $, ask, button, download, element, notice, on } from "./view.js";

const DRAW_MS = 50;
const SEARCH_MS = 200;
const JSON_TYPE = "application/json";
const PART_LENGTH = 2 ** 24; // an export of all is cut there, so that each of its files can be imported

export class Sidebar {
  heads = []; // of all conversations, as store.list() gives them
  items = new Map(); // id -> the element that shows a conversation
  found = null; // ids, while something is searched for

  /** page: {open(id), fresh(mode), current(): the id of the open conversation}. */
  constructor(page) {
    this.page = page;
    on("close-sidebar", "click", hide);
    on("search", "input", soon(() => this.search(), SEARCH_MS));
    on("new-notebook", "click", () => page.fresh("notebook"));
    on("import", "click", () => $("import-files").click());
    on("import-files", "change", () => this.import([...$("import-files").files]));
    on("export-all", "click", () => exportAll(this.heads));
    on("delete-all", "click", () => remove(t("Delete all conversations?"), this.heads));
    on("conversations", "keydown", fold, ({ key, target }) => key === "Escape" && target.closest("[open]"));
    store.changes((change) => this.take(change));
    document.addEventListener("language", () => this.items.clear() ?? this.refresh());
  }

  /** Show what there is; asked for often, it is done once. */
  refresh = soon(() => this.draw(), DRAW_MS);

  /** Open the conversation so many places below the open one; false: there is none. */
  step(places) {
    const next = this.heads[this.heads.findIndex(({ id }) => id === this.page.current()) + places];
    if (next) this.page.open(next.id);
    return Boolean(next);
  }

  async draw() {
    this.heads = await store.list();
    const list = $("conversations");
    if (list.querySelector("input")) return; // a title is being written
    const items = this.heads.filter(({ id }) => this.found?.has(id) ?? true).map((head) => this.item(head));
    const kept = new Set(items);
    for (const old of [...list.children]) if (!kept.has(old)) old.remove();
    items.forEach((item, at) => list.children[at] === item || list.insertBefore(item, list.children[at]));
  }

  item({ id, title, changed }) {
    if (!this.items.has(id)) this.items.set(id, this.newItem(id));
    const [open, menu] = this.items.get(id).children;
    Object.assign(open, { textContent: title || t("New chat"), title: date(changed), ariaCurrent: id === this.page.current() || null });
    menu.firstChild.ariaLabel = t("Actions: {0}", open.textContent);
    return open.parentNode;
  }

  newItem(id) {
    const open = button("", () => this.open(id), "open");
    const menu = element(
      "details", { name: "conversation" }, element("summary", {}, "⋯"),
      button(t("Rename"), () => this.rename(id, open)),
      button(t("Delete"), () => remove(t("Delete “{0}”?", open.textContent), [{ id }])),
      button(`${t("Export")} (Markdown)`, () => save(id, open.textContent, "md", "text/markdown", toMarkdown)),
      button(`${t("Export")} (JSON)`, () => save(id, open.textContent, "json", JSON_TYPE, (one) => toJson([one]))),
    );
    return element("li", {}, open, menu);
  }

  open(id) {
    if (id !== this.page.current()) this.page.open(id);
    else if ($("stage").inert) hide(); // it lies below the list
  }

  /** Let a title be written in place of `shown`: Enter and leaving keep what was written, Escape does not. */
  rename(id, shown) {
    const title = shown.textContent;
    const field = element("input", { "aria-label": t("Rename"), value: title, maxlength: "200" });
    const end = (isKept) => {
      field.onblur = null;
      field.replaceWith(shown);
      shown.focus();
      if (isKept && field.value !== title) store.rename(id, field.value.trim());
      this.refresh();
    };
    field.onblur = () => end(true);
    field.onkeydown = (event) => {
      if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
      event.stopPropagation();
      end(event.key === "Enter");
    };
    fold();
    shown.replaceWith(field);
    field.focus();
    field.select();
  }

  /** Something changed, here or in another tab. */
  take({ removed = [], failed }) {
    this.refresh();
    if (failed && !this.warned) {
      notice(t("The browser cannot keep conversations: export them before you close the page."));
    }
    this.warned ||= failed;
    if (!removed.includes(this.page.current())) return;
    const place = this.heads.findIndex(({ id }) => id === this.page.current());
    const next = [...this.heads.slice(place), ...this.heads.slice(0, place).reverse()].find(({ id }) => !removed.includes(id));
    if (next) this.page.open(next.id);
    else this.page.fresh();
  }

  async search() {
    const words = $("search").value.trim();
    const found = words && (await store.search(words));
    if (words !== $("search").value.trim()) return;
    this.found = words ? new Set(found) : null;
    $("found").textContent = words && t("Found: {0}", found.length);
    this.draw();
  }

  async import(files) {
    const told = [];
    const ids = [];
    for (const file of files) {
      const conversations = await fromFile(file).catch(({ message }) => told.push(`${file.name}: ${message}`) && []);
      for (const conversation of conversations) {
        await store.write(conversation);
        ids.push(conversation.id);
      }
    }
    $("import-files").value = "";
    if (ids.length) await this.page.open(ids[0]);
    notice([ids.length && t("Imported: {0}", ids.length), ...told].filter(Boolean).join(" "));
  }
}

const hide = () => $("show-sidebar").click();

/** A function that does `action` once, when it was not called for a while. */
function soon(action, ms) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, ms);
  };
}

/** Close the open menu, and go back to what opened it. */
function fold() {
  const menu = $("conversations").querySelector("[open]");
  menu.open = false;
  menu.firstChild.focus();
}

async function remove(question, heads) {
  const isMeant = heads.length && (await ask(`${question} ${t("This cannot be undone.")}`, t("Delete")));
  if (isMeant) await store.remove(...heads.map(({ id }) => id));
}

async function save(id, title, ending, type, write) {
  const name = title.replace(/[^\p{L}\p{N}]+/gu, " ").trim().slice(0, 60) || "conversation";
  const conversation = await store.read(id);
  if (conversation) download(`${name}.${ending}`, type, write(conversation));
}

async function exportAll(heads) {
  let part = [];
  let length = 0;
  for (const { id } of heads) {
    part.push(await store.read(id));
    length += JSON.stringify(part.at(-1)).length;
    if (length < PART_LENGTH && id !== heads.at(-1).id) continue;
    download("conversations.json", JSON_TYPE, toJson(part.filter(Boolean))); // without what another tab removed meanwhile
    [part, length] = [[], 0];
  }
}
