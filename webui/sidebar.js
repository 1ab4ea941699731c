// The list of conversations: search, rename, delete, export, import.

import { t } from "./i18n.js";
import * as store from "./store.js";
import { fromFile, toJson, toMarkdown } from "./transfer.js";
import { $, ask, button, download, element, notice, on } from "./view.js";

const DRAW_MS = 100;

export class Sidebar {
  items = new Map(); // id -> the element that shows a conversation

  /** page: {open(id), fresh(mode), current(): the id of the open conversation}. */
  constructor(page) {
    this.page = page;
    on("close-sidebar", "click", hide);
    on("search", "input", () => this.refresh());
    on("new-notebook", "click", () => page.fresh("notebook"));
    on("import", "click", () => $("import-files").click());
    on("import-files", "change", () => this.import());
    on("export-all", "click", async () => exportJson("conversations", await all()));
    on("delete-all", "click", async () => remove(t("Delete all conversations?"), await all()));
    on("conversations", "keydown", fold, ({ key, target }) => key === "Escape" && target.closest("[open]"));
    document.addEventListener("stored", ({ detail }) => this.take(detail));
    document.addEventListener("language", () => this.refresh(this.items.clear()));
  }

  /** Show what there is, or what is searched for; asked for often, it is done once. */
  refresh() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), DRAW_MS);
  }

  async draw() {
    const [list, search, active] = [$("conversations"), $("search").value.trim(), document.activeElement];
    const heads = await store.list(search);
    if (list.querySelector("input")) return; // a title is being written
    const hadFocus = list.contains(active);
    list.replaceChildren(...heads.map((head) => this.item(head)));
    if (hadFocus) (active.isConnected ? active : list.querySelector("button"))?.focus();
    $("found").textContent = search && t("Found: {0}", heads.length);
  }

  item({ id, label }) {
    if (!this.items.has(id)) this.items.set(id, this.newItem(id));
    const [open, menu] = this.items.get(id).children;
    Object.assign(open, { textContent: label || t("New chat"), ariaCurrent: id === this.page.current() || null });
    menu.firstChild.ariaLabel = t("Actions: {0}", open.textContent);
    return open.parentNode;
  }

  newItem(id) {
    const open = button("", () => this.open(id), "open");
    const menu = element(
      "details", { name: "conversation" }, element("summary", {}, "⋯"),
      button(t("Rename"), () => this.rename(id, open)),
      button(t("Delete"), () => remove(t("Delete “{0}”?", open.textContent), [id])),
      button(`${t("Export")} (Markdown)`, async () => download(`${open.textContent}.md`, "text/markdown", toMarkdown(await store.read(id)))),
      button(`${t("Export")} (JSON)`, () => exportJson(open.textContent, [id])),
    );
    return element("li", {}, open, menu);
  }

  open(id) {
    if (id !== this.page.current()) this.page.open(id);
    else if ($("stage").inert) hide(); // it lies below the list
  }

  /** Let a title be written in place of `shown`; Escape keeps the old one. */
  rename(id, shown) {
    const field = element("input", { "aria-label": t("Rename"), value: shown.textContent, maxlength: "200" });
    fold();
    shown.replaceWith(field);
    field.select();
    field.onchange = () => store.rename(id, field.value.trim());
    field.onblur = () => this.refresh(field.replaceWith(shown));
    field.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Escape") field.value = shown.textContent;
      if (/^(Enter|Escape)$/.test(event.key) && !event.isComposing) field.nextSibling.firstChild.focus();
    };
  }

  /** Something changed, here or in another tab. */
  take({ id, title, failed }) {
    this.refresh();
    if (failed) notice(t("The browser cannot keep conversations: export them before you close the page."));
    if (title === null && id === this.page.current()) this.page.fresh();
  }

  async import() {
    const taken = [];
    const problems = [];
    for (const file of $("import-files").files) {
      try {
        taken.push(...(await fromFile(file)));
      } catch ({ message }) {
        problems.push(`${file.name}: ${message}`);
      }
    }
    $("import-files").value = "";
    for (const conversation of taken) await store.write(conversation);
    if (taken.length) await this.page.open(taken[0].id);
    notice([t("Imported: {0}", taken.length), ...problems].join(" "));
  }
}

const hide = () => $("show-sidebar").click();
const all = async () => (await store.list()).map(({ id }) => id);

/** Close the open menu, and go back to what opened it. */
function fold() {
  const menu = $("conversations").querySelector("[open]");
  menu.open = false;
  menu.firstChild.focus();
}

async function remove(question, ids) {
  if (await ask(`${question} ${t("This cannot be undone.")}`, t("Delete"))) store.remove(...ids);
}

async function exportJson(name, ids) {
  const conversations = await Promise.all(ids.map(store.read));
  download(`${name}.json`, "application/json", toJson(conversations.filter(Boolean)));
}
