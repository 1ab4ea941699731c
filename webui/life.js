// The life of a double click: a page tells the program that it is open, and ends it.

import { get, post } from "./api.js";
import { t } from "./i18n.js";
import { $, ask, notice, on } from "./view.js";

const BEAT_MS = 20_000;
const LOOK_MS = 2000;
const page = `${Date.now()}-${Math.random()}`;

/** Takes what `GET /assistant` says. */
export function begin({ can_quit, name, instance }) {
  if (!can_quit) return;
  const cover = $("over");
  let [gone, quit] = [false, false];

  const tell = (left) => post("presence", { page, left }).then(() => {}, ({ status }) => left || status || show());
  function show() {
    gone = true;
    if (!cover.open) cover.showModal();
  }
  async function look() {
    const found = await get("assistant").catch(() => null);
    if (!found || quit && found.instance === instance) return;
    if (found.instance !== instance) location.reload();
    gone = false;
    cover.close();
  }

  $("ended").textContent = t("{0} has ended. Open it again to go on.", name);
  cover.addEventListener("close", () => gone && show()); // a second Escape closes any dialog
  on("look", "click", look);
  setInterval(() => gone && look(), LOOK_MS);
  setInterval(() => gone || tell(false), BEAT_MS);
  addEventListener("pagehide", () => tell(true));
  addEventListener("pageshow", ({ persisted }) => persisted && tell(false)); // from the cache
  tell(false);

  $("quit").hidden = false;
  on("quit", "click", async () => {
    if (!(await ask(t("Quit {0}?", name), t("Quit")))) return;
    const { status, message } = await post("quit", {}).catch((error) => error);
    quit = !status;
    if (status) notice(message);
    else show();
  });
}
