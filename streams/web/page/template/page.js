// Keeps the page fresh: reads it again when the server says that something has changed, and swaps the parts that differ.
(() => {
  "use strict";
  let busy = false, again = false, wanted = location.href;

  function show(text) {
    const next = new DOMParser().parseFromString(text, "text/html");
    const focused = document.activeElement && document.activeElement.id;
    const shown = [...document.querySelectorAll("details[open]")].map((one) => one.id);
    const typed = [...document.querySelectorAll("[data-live] :is(input,textarea,select)[id]")].map((one) => [one.id, one.value]);
    const caret = document.activeElement && "selectionStart" in document.activeElement ? document.activeElement.selectionStart : null;
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = next.getElementById(part.id);
      if (!other || (other.innerHTML === part.innerHTML && other.className === part.className)) continue;
      part.className = other.className;
      part.replaceChildren(...document.importNode(other, true).childNodes);
    }
    for (const id of shown) if (document.getElementById(id)) document.getElementById(id).open = true;
    for (const [id, value] of typed) if (document.getElementById(id)) document.getElementById(id).value = value;
    document.title = next.title;
    const lost = focused && document.activeElement.id !== focused && document.getElementById(focused);
    if (lost) {
      lost.focus({ preventScroll: true });
      if (caret !== null && "setSelectionRange" in lost) lost.setSelectionRange(caret, caret);
    }
    if (document.querySelector("[data-waiting]")) setTimeout(read, 1000);
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

  async function send(form) {
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      for (const one of document.querySelectorAll("details.ask[open]")) { one.open = false; for (const field of one.querySelectorAll("input:not([type=hidden]),textarea")) field.value = ""; }
      wanted = answer.url;
      history.replaceState(null, "", wanted);
      show(await answer.text());
    } catch { form.submit(); /* the browser says what is wrong */ }
    button.disabled = false;
  }

  document.documentElement.classList.add("script");
  document.addEventListener("submit", (event) => {
    if (event.target.method === "post") { event.preventDefault(); send(event.target); }
    else if (event.target.closest("#incidents")) { event.preventDefault(); go(event.target, event.submitter); }
  });
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && document.querySelector("details.ask[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
  });
  document.getElementById("initiative").addEventListener("change", (event) => event.target.form.submit());
  const source = new EventSource("/live");
  source.addEventListener("changed", read);
  addEventListener("pagehide", () => source.close());
})();
