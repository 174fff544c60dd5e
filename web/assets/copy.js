// Buttons with data-copy put their value on the clipboard. They are shown only
// where that works: the clipboard needs HTTPS or localhost.
const show = (root) => {
  if (!navigator.clipboard) return;
  for (const b of root.querySelectorAll("button[data-copy]")) b.hidden = false;
};

document.addEventListener("click", async (e) => {
  const b = e.target.closest?.("button[data-copy]");
  if (!b) return;
  try {
    await navigator.clipboard.writeText(b.dataset.copy);
    b.textContent = "Copied";
  } catch {
    b.textContent = "Not copied";
  }
  setTimeout(() => { b.textContent = "Copy"; }, 1500);
});

document.addEventListener("replaced", (e) => show(e.target));
show(document);
