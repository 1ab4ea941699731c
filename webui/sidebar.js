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
  items = new Map(); // id -> what is shown of a conversation
  found = null; // ids, while something is searched for
  menu = element("div", { class: "menu", role: "group" });

  /** page: {open(id), fresh(mode), current(): the id of the open conversation}. */
  constructor(page) {
    this.page = page;
    on("search", "input", () => this.search());
    on("new-notebook", "click", () => page.fresh("notebook"));
    on("import", "click", () => $("import-files").click());
    on("import-files", "change", () => this.import([...$("import-files").files]));
    on("export-all", "click", () => this.exportAll());
    on("delete-all", "click", () => this.remove(t("Delete all conversations?"), this.heads));
    on("conversations", "keydown", () => this.fold(true), ({ key }) => key === "Escape" && this.unfolded);
    store.changes((change) => this.take(change));
    document.addEventListener("language", () => this.items.clear() ?? this.refresh());
  }

  /** Show what there is; asked for often, it is done once. */
  refresh() {
    clearTimeout(this.drawing);
    this.drawing = setTimeout(() => this.draw(), DRAW_MS);
  }

  async draw() {
    this.heads = await store.list();
    const list = $("conversations");
    const shown = this.heads.filter(({ id }) => this.found?.has(id) ?? true).map((head) => this.item(head));
    const kept = new Set(shown);
    for (const old of [...list.children]) if (!kept.has(old)) old.remove();
    shown.forEach((item, at) => list.children[at] === item || list.insertBefore(item, list.children[at]));
  }

  item(head) {
    const { id } = head;
    if (!this.items.has(id)) this.items.set(id, this.newItem(id));
    const { root, open, more } = this.items.get(id);
    Object.assign(open, { textContent: head.title || t("New chat"), title: date(head.changed), ariaCurrent: id === this.page.current() || null });
    more.ariaLabel = t("Actions: {0}", open.textContent);
    return root;
  }

  newItem(id) {
    const open = button("", () => this.page.open(id), "open");
    const more = button("⋯", () => this.unfold(id), "icon");
    more.ariaExpanded = false;
    return { open, more, root: element("li", {}, open, more) };
  }

  /** Show what can be done with a conversation, below it; or hide it, if it is shown. */
  unfold(id) {
    const { root, open, more } = this.items.get(id);
    const before = this.unfolded;
    this.fold();
    if (before === more) return;
    const head = { id, title: open.textContent };
    this.menu.replaceChildren(
      button(t("Rename"), () => this.rename(head)),
      button(`${t("Export")} (Markdown)`, () => this.export(head, "md", "text/markdown", toMarkdown)),
      button(`${t("Export")} (JSON)`, () => this.export(head, "json", JSON_TYPE, (one) => toJson([one]))),
      button(t("Delete"), () => this.remove(t("Delete “{0}”?", head.title), [head])),
    );
    this.menu.ariaLabel = head.title;
    this.unfolded = more;
    more.ariaExpanded = true;
    root.append(this.menu);
  }

  fold(focus) {
    if (!this.unfolded) return;
    this.menu.remove();
    this.unfolded.ariaExpanded = false;
    if (focus) this.unfolded.focus();
    this.unfolded = null;
  }

  rename({ id, title }) {
    this.fold();
    const { open } = this.items.get(id);
    const field = element("input", { "aria-label": t("Rename"), value: title, maxlength: "200" });
    const end = (keep) => {
      if (!field.isConnected) return;
      field.replaceWith(open);
      open.focus();
      if (keep && field.value !== title) store.rename(id, field.value.trim());
    };
    field.addEventListener("blur", () => end(true));
    field.addEventListener("keydown", (event) => {
      if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
      event.stopPropagation();
      end(event.key === "Enter");
    });
    open.replaceWith(field);
    field.select();
  }

  async remove(question, heads) {
    if (heads.length && (await ask(`${question} ${t("This cannot be undone.")}`, t("Delete")))) await store.remove(...heads.map(({ id }) => id));
  }

  /** Something changed, here or in another tab. */
  take({ removed = [], failed }) {
    this.refresh();
    if (failed && !this.warned) notice(t("The browser cannot keep conversations: its storage is full or switched off. Export what you need before you close the page."));
    this.warned ||= failed;
    const ids = this.heads.map(({ id }) => id);
    const place = ids.indexOf(this.page.current());
    if (!removed.includes(ids[place])) return;
    const next = [...ids.slice(place), ...ids.slice(0, place).reverse()].find((id) => !removed.includes(id));
    if (next) this.page.open(next);
    else this.page.fresh();
  }

  search() {
    clearTimeout(this.waiting);
    this.searching?.abort();
    const { signal } = (this.searching = new AbortController());
    this.waiting = setTimeout(async () => {
      const words = $("search").value.trim();
      const found = words && (await store.search(words, signal));
      if (signal.aborted) return;
      this.found = words ? new Set(found) : null;
      $("found").textContent = words && t("Found: {0}", found.length);
      this.draw();
    }, SEARCH_MS);
  }

  async export({ id, title }, ending, type, write) {
    const conversation = await store.read(id);
    if (conversation) download(fileName(title, ending), type, write(conversation));
  }

  async exportAll() {
    const heads = [...this.heads];
    let part = [];
    let length = 0;
    for (const { id } of heads) {
      part.push(await store.read(id));
      length += JSON.stringify(part.at(-1)).length;
      if (length < PART_LENGTH && id !== heads.at(-1).id) continue;
      download("conversations.json", JSON_TYPE, toJson(part.filter(Boolean)));
      part = [];
      length = 0;
    }
  }

  async import(files) {
    const told = [];
    const ids = [];
    for (const file of files) {
      try {
        for (const conversation of await fromFile(file)) {
          await store.write(conversation);
          ids.push(conversation.id);
        }
      } catch ({ message }) {
        told.push(`${file.name}: ${message}`);
      }
    }
    $("import-files").value = "";
    if (ids.length) await this.page.open(ids[0]);
    notice([ids.length && t("Imported: {0}", ids.length), ...told].filter(Boolean).join(" "));
  }
}

const fileName = (title, ending) => `${title.replace(/[^\p{L}\p{N}]+/gu, " ").trim().slice(0, 60) || "conversation"}.${ending}`;
