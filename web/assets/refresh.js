// Fetches the page again every few seconds and replaces the parts that changed.
const seconds = Number(document.body.dataset.refresh);
const freshness = document.getElementById("freshness");
const original = new Map();
for (const p of document.querySelectorAll("[data-part]")) original.set(p.dataset.part, p.innerHTML);

const busy = (part) => {
  const sel = getSelection();
  return part.contains(document.activeElement) || (sel && !sel.isCollapsed && part.contains(sel.anchorNode));
};

const refresh = async () => {
  const res = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (res.redirected || !res.ok) return false; // logged out, or the thing is gone
  const page = new DOMParser().parseFromString(await res.text(), "text/html");
  for (const fresh of page.querySelectorAll("[data-part]")) {
    const name = fresh.dataset.part;
    const part = document.querySelector(`[data-part="${name}"]`);
    if (!part || original.get(name) === fresh.innerHTML || busy(part)) continue;
    original.set(name, fresh.innerHTML);
    part.innerHTML = fresh.innerHTML;
    part.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
  }
  return true;
};

const loop = async () => {
  let ok = true;
  try {
    if (!document.hidden) ok = await refresh();
    freshness.textContent = ok ? "" : "· out of date: reload the page";
  } catch {
    freshness.textContent = "· connection lost, trying again";
  }
  if (ok) setTimeout(loop, seconds * 1000);
};
if (seconds > 0) setTimeout(loop, seconds * 1000);
