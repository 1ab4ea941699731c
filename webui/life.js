// The life of a double click: tells the program that this page is open, ends it when asked to, and says when it has ended.

import { get, post } from "./api.js";
import { t } from "./i18n.js";
import { $, ask, button, element, notice, on } from "./view.js";

const BEAT_MS = 20_000;
const LOOK_MS = 2000;
const page = `${Date.now()}-${Math.random()}`;

/** Begin, where the program was started by a double click; `assistant` is what `GET /assistant` says. */
export function begin(assistant) {
  if (!assistant.can_quit) return;
  const over = dialog(assistant);
  const tell = (left) => post("presence", { page, left }).then(() => {}, ({ status }) => left || status || over.show());
  tell(false);
  setInterval(() => over.open || tell(false), BEAT_MS);
  addEventListener("pagehide", () => tell(true));
  addEventListener("pageshow", ({ persisted }) => persisted && tell(false)); // back from the browser's cache
  $("quit").hidden = false;
  on("quit", "click", async () => {
    if (!(await ask(t("The conversations stay in this browser. Quit {0}?", assistant.name), t("Quit")))) return;
    const { status, message } = await post("quit", {}).catch((error) => error);
    if (status) notice(message);
    else over.show(true);
  });
}

/** What covers the page while the program is gone; `show(wanted)`: it was ended on purpose. */
function dialog({ name, instance }) {
  let shown = false, quit = false;
  const sentence = element("p", { id: "ended", translate: "no" });
  const inside = element("div", {}, sentence, button(t("Try again"), look, "main"));
  const made = element("dialog", { class: "over", role: "alertdialog", "aria-labelledby": "ended" }, inside);
  made.addEventListener("close", () => shown && made.showModal()); // a second Escape closes any dialog
  document.body.append(made);
  setInterval(() => shown && look(), LOOK_MS);

  function cover(yes) {
    if (shown === yes) return;
    shown = yes;
    if (yes) made.showModal();
    else made.close();
  }
  async function look() {
    const found = await get("assistant").catch(() => null);
    if (found && found.instance !== instance) location.reload();
    else if (found && !quit) cover(false);
  }
  return {
    get open() { return shown; },
    show(wanted = false) {
      quit ||= wanted;
      sentence.textContent = t("{0} has ended. Open it again to go on.", name);
      cover(true);
    },
  };
}
