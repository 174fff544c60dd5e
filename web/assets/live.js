// Replaces the dashboard's parts as the server sends them.
const grid = document.querySelector("[data-live]");
const freshness = document.getElementById("freshness");

// A part that somebody is selecting in, or that has the focus, waits.
const busy = (part) => {
  const sel = getSelection();
  return part.contains(document.activeElement) || (sel && !sel.isCollapsed && part.contains(sel.anchorNode));
};

const waiting = new Map();
const apply = (name, html) => {
  const part = grid.querySelector(`[data-part="${name}"]`);
  if (!part) return;
  if (busy(part)) {
    waiting.set(name, html);
    return;
  }
  waiting.delete(name);
  part.innerHTML = html;
};

let source;
const open = () => {
  source = new EventSource(grid.dataset.live);
  source.addEventListener("figures", (e) => {
    for (const [name, html] of [...waiting]) apply(name, html);
    for (const [name, html] of Object.entries(JSON.parse(e.data))) apply(name, html);
    grid.dataset.state = "live";
    freshness.textContent = "· live";
  });
  source.addEventListener("error", () => {
    const ended = source.readyState === EventSource.CLOSED;
    grid.dataset.state = ended ? "ended" : "lost";
    freshness.textContent = ended ? "· not live any more: reload the page" : "· connection lost, trying again";
  });
};

// A page that nobody sees asks for nothing.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) source.close();
  else if (source.readyState === EventSource.CLOSED) open();
});
addEventListener("pagehide", () => source.close());
open();
