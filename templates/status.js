(() => {
  "use strict";
  const root = document.documentElement;
  const find = (id) => document.getElementById(id);
  const written = Number(root.dataset.written), limit = Number(root.dataset.staleAfter);

  // The page cannot know that nobody writes it any more; the reader's clock can.
  const words = new Intl.RelativeTimeFormat(root.lang, { numeric: "always" });
  const ago = (seconds) => {
    for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]])
      if (seconds >= 2 * size) return words.format(-Math.floor(seconds / size), unit);
    return words.format(-Math.floor(seconds), "second");
  };
  const title = document.title;
  const look = () => {
    const age = Math.max(0, Date.now() / 1000 - written), stale = age > limit;
    find("age").textContent = " (" + ago(age) + ")";
    find("stale-age").textContent = stale ? "(" + ago(age) + ")" : "";
    find("stale").hidden = !stale;
    document.body.classList.toggle("is-stale", stale);
    document.title = stale ? "⚠ " + title : title;
  };
  look();
  setInterval(look, 5000);
})();
