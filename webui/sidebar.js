// The list of conversations.

import { t } from "./i18n.js";
import * as store from "./store.js";
import { fromFile, toJson, toMarkdown } from "./transfer.js";
import { $, ask, button, download, element, notice, on } from "./view.js";

const DRAW_MS = 100;

export class Sidebar {
  items = new Map(); // id -> element

  /** {open(id), fresh(mode), current(): id}. */
  constructor(page) {
    this.page = page;
    on("close-sidebar", "click", hide);
    on("search", "input", () => this.refresh());
    on("new-notebook", "click", () => page.fresh("notebook"));
    on("import", "click", () => $("import-files").click());
    on("import-files", "change", () => this.import());
    on("export-all", "click", async () => exportJson("conversations", await store.list()));
    document.addEventListener("stored", ({ detail }) => this.take(detail));
  }

  /** Asked for often, it is done once. */
  refresh() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), DRAW_MS);
  }

  async draw() {
    const list = $("conversations");
    const { value } = $("search");
    const heads = await store.list(value.trim());
    if (value !== $("search").value || list.querySelector("input:focus")) return; // one is being renamed
    const focus = list.querySelector(":focus");
    list.replaceChildren(...heads.map((head) => this.item(head)));
    if (focus) (focus.isConnected ? focus : list.querySelector("button"))?.focus();
    $("found").textContent = value && t("Found: {0}", heads.length);
  }

  item({ id, label }) {
    const item = this.items.get(id) ?? this.newItem(id);
    this.items.set(id, item);
    const [open, menu] = item.children;
    const [mark, field] = menu.children;
    open.textContent = field.value = field.defaultValue = label || t("New chat");
    open.ariaCurrent = id === this.page.current() || null;
    mark.ariaLabel = t("Actions: {0}", open.textContent);
    return item;
  }

  newItem(id) {
    const open = button("", () => (open.ariaCurrent ? $("stage").inert && hide() : this.page.open(id)), "open");
    const mark = element("summary", {}, "⋯");
    const field = element("input", { "aria-label": t("Rename"), maxlength: "80" });
    const menu = element(
      "details", { name: "conversation" }, mark, field,
      button(t("Delete"), async () => (await ask(t("Delete “{0}” for good?", open.textContent), t("Delete"))) && store.remove(id)),
      button(`${t("Export")} (Markdown)`, async () => download(`${open.textContent}.md`, "text/markdown", toMarkdown(await store.read(id)))),
      button(`${t("Export")} (JSON)`, () => exportJson(open.textContent, [{ id }])),
    );
    field.onchange = () => store.rename(id, field.value.trim());
    field.onblur = () => this.refresh();
    menu.onkeydown = (event) => {
      if (event.key !== "Escape" && (event.key !== "Enter" || event.target !== field || event.isComposing)) return;
      event.preventDefault();
      if (event.key === "Escape") field.value = field.defaultValue;
      mark.focus();
      menu.open = false;
    };
    return element("li", {}, open, menu);
  }

  take({ id, title, failed }) {
    this.refresh();
    if (failed) notice(t("This browser keeps no conversations: export them."));
    if (title === null && id === this.page.current()) this.page.fresh();
  }

  async import() {
    const problems = [];
    const read = (file) => fromFile(file).catch(({ message }) => problems.push(`${file.name}: ${message}`) && []);
    const taken = (await Promise.all([...$("import-files").files].map(read))).flat();
    $("import-files").value = "";
    for (const conversation of taken) await store.write(conversation);
    if (taken.length) await this.page.open(taken[0].id);
    notice([t("Imported: {0}", taken.length), ...problems].join(" "));
  }
}

const hide = () => $("show-sidebar").click();

async function exportJson(name, heads) {
  const conversations = await Promise.all(heads.map(({ id }) => store.read(id)));
  download(`${name}.json`, "application/json", toJson(conversations.filter(Boolean)));
}
