(() => {
  "use strict";
  const root = document.documentElement;
  const find = (id) => document.getElementById(id);
  const written = Number(root.dataset.written), limit = Number(root.dataset.staleAfter);

  // The page cannot know that nobody writes it any more; the reader's clock can. Ages count on in it, by the same clock.
  const words = new Intl.RelativeTimeFormat(root.lang, { numeric: "always" });
  const part = (seconds) => {
    for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]])
      if (seconds >= 2 * size) return [Math.floor(seconds / size), unit];
    return [Math.floor(seconds), "second"];
  };
  const ago = (seconds) => { const [n, unit] = part(seconds); return words.format(-n, unit); };
  const span = (seconds) => {
    const [n, unit] = part(seconds);
    return new Intl.NumberFormat(root.lang, { style: "unit", unit, unitDisplay: "short" }).format(n);
  };
  const passed = (moment) => Math.max(0, (Date.now() - Date.parse(moment)) / 1000);
  const title = document.title;
  const look = () => {
    const age = Math.max(0, Date.now() / 1000 - written), stale = age > limit;
    find("age").textContent = " (" + ago(age) + ")";
    find("stale-age").textContent = stale ? "(" + ago(age) + ")" : "";
    find("stale").hidden = !stale;
    document.body.classList.toggle("is-stale", stale);
    for (const time of document.querySelectorAll("time.since")) time.textContent = ago(passed(time.dateTime));
    for (const one of document.querySelectorAll(".lasting"))
      one.textContent = root.dataset.lasting.replace("#", () => span(passed(one.dataset.since)));
    document.title = stale ? "⚠ " + title : title;
  };
  look();
  setInterval(look, 1000);

  // What the reader chose outlives the next refresh of the page, in this tab.
  const store = {
    get: (key) => { try { return sessionStorage.getItem("heartbeat." + key); } catch { return null; } },
    put: (key, value) => { try { sessionStorage.setItem("heartbeat." + key, value); } catch { /* not allowed here */ } },
  };
  const filter = find("filter"), only = find("only"), shown = find("shown");
  const groups = [...document.querySelectorAll("details.group")].map((box) => ({
    box,
    rest: box.querySelector("details.rest"),
    rows: [...box.querySelectorAll("tbody tr")].map((row) => ({
      row,
      text: (row.querySelector(".who").textContent + " " + row.id.slice(2) + " " + row.dataset.kind + " " +
        box.querySelector("h3").textContent).toLowerCase(),
    })),
  }));
  const apply = () => {
    const wanted = filter.value.trim().toLowerCase().split(/\s+/);
    let count = 0;
    for (const { box, rest, rows } of groups) {
      let hits = 0, folded = 0;
      for (const { row, text } of rows) {
        row.hidden = !wanted.every((word) => text.includes(word));
        if (row.hidden || (only.checked && row.classList.contains("ok"))) continue;
        hits++;
        if (rest && rest.contains(row)) folded++;
      }
      if (rest) {
        rest.hidden = folded === 0;
        if (filter.value.trim() && folded) rest.open = true;
      }
      box.hidden = hits === 0;
      if (hits && (filter.value.trim() || only.checked)) box.open = true;
      count += hits;
    }
    shown.textContent = filter.value.trim() || only.checked ? shown.dataset.word + " " + count : "";
    store.put("filter", filter.value);
    store.put("only", only.checked ? "1" : "");
  };
  // A link to a component opens what it is folded away in.
  const reveal = () => {
    for (let at = location.hash && find(location.hash.slice(1)); at; at = at.parentElement)
      if (at instanceof HTMLDetailsElement) at.open = true;
  };
  addEventListener("hashchange", reveal);
  for (const { box } of groups) {
    const was = store.get(box.id);
    if (was !== null) box.open = was === "1";
    box.querySelector("summary").addEventListener("click", () => store.put(box.id, box.open ? "" : "1"));
  }
  find("find").hidden = false;
  filter.value = store.get("filter") || "";
  only.checked = store.get("only") === "1";
  filter.addEventListener("input", apply);
  only.addEventListener("change", apply);
  filter.addEventListener("focus", () => store.put("focus", "1"));
  filter.addEventListener("blur", () => store.put("focus", ""));
  if (filter.value || only.checked) apply();
  reveal();
  if (store.get("focus") === "1") filter.focus({ preventScroll: true });
})();
