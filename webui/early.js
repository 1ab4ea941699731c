// Runs before anything is seen: the theme that was chosen, and no English before another language.
{
  const recall = (name) => {
    try {
      return localStorage.getItem(`lmfile.${name}`);
    } catch {
      return null; // storage is off
    }
  };
  const { dataset } = document.documentElement;
  dataset.theme = recall("theme") || (matchMedia("(prefers-contrast: more)").matches ? "contrast" : "");
  if (!/^en/i.test(recall("language") || navigator.language)) dataset.waits = "for words"; // until i18n.js is done
}
