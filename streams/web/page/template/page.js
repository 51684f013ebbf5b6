// Keeps the page fresh: reads it again when the server says that something has changed, and swaps the parts that differ.
(() => {
  "use strict";
  let busy = false, again = false, wanted = location.href;

  function show(text) {
    const next = new DOMParser().parseFromString(text, "text/html");
    const focused = document.activeElement && document.activeElement.id;
    const shown = [...document.querySelectorAll("details[open]")].length > 0;
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = next.getElementById(part.id);
      if (!other || (other.innerHTML === part.innerHTML && other.className === part.className)) continue;
      part.className = other.className;
      part.replaceChildren(...document.importNode(other, true).childNodes);
    }
    if (shown) for (const one of document.querySelectorAll("details")) one.open = true;
    document.title = next.title;
    if (focused && document.activeElement.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  async function read() {
    if (busy) { again = true; return; }
    busy = true;
    const asked = wanted;
    try {
      const answer = await fetch(asked, { cache: "no-store" });
      if (answer.ok && asked === wanted) show(await answer.text());
    } catch { /* the server is away; the event source tells when it is back */ }
    busy = false;
    if (again || asked !== wanted) { again = false; read(); }
  }

  function go(form, button) {
    const query = new URLSearchParams(new FormData(form));
    if (button && button.name) query.set(button.name, button.value);
    wanted = `${location.origin}/?${query}`;
    history.replaceState(null, "", wanted);
    read();
  }

  document.documentElement.classList.add("script");
  document.addEventListener("submit", (event) => {
    if (event.target.closest("#incidents")) { event.preventDefault(); go(event.target, event.submitter); }
  });
  document.getElementById("initiative").addEventListener("change", (event) => event.target.form.submit());
  const source = new EventSource("/live");
  source.addEventListener("changed", read);
  addEventListener("pagehide", () => source.close());
})();
