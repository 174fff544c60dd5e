// Uploads files and folders one after another, each with its progress.
const form = document.querySelector("form[data-upload]");
const input = form.querySelector("#file");
const button = form.querySelector("button[type=submit]");
const folder = form.querySelector(".folder");
const box = form.querySelector(".progress");
const total = form.querySelector(".total");
const list = form.querySelector(".uploads");

const parallel = 2; // more would only share one line
const queue = [];
let running = 0;
const sum = { files: 0, done: 0, failed: 0 };

const size = (n) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i++; }
  return `${i && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
};

const el = (name, cls, text) => {
  const e = document.createElement(name);
  if (cls) e.className = cls;
  if (text) e.textContent = text;
  return e;
};

// A row of the list, and how its state is told.
const row = (item) => {
  const li = el("li");
  const name = el("span", "name", item.path);
  const bar = el("progress");
  bar.max = item.file.size || 1;
  bar.value = 0;
  bar.setAttribute("aria-label", item.path);
  const state = el("span", "state dim", "waiting");
  const stop = el("button", "quiet small", "Cancel");
  stop.type = "button";
  li.append(name, bar, state, stop);
  list.append(li);
  stop.addEventListener("click", () => item.cancel());
  return { li, bar, state, stop, name };
};

const tell = () => {
  const left = sum.files - sum.done - sum.failed;
  total.textContent = left
    ? `Uploading: ${sum.done} of ${sum.files} stored`
    : `${sum.done} of ${sum.files} stored` + (sum.failed ? `, ${sum.failed} not` : "");
  form.dataset.state = left ? "uploading" : sum.failed ? "failed" : "done";
};

const finish = (item, ok, text, url) => {
  const v = item.view;
  if (item.over) return;
  item.over = true;
  if (item.started) running--;
  sum[ok ? "done" : "failed"]++;
  v.li.className = ok ? "good" : "bad";
  v.state.className = ok ? "state good" : "state bad";
  v.state.textContent = text;
  v.bar.value = ok ? v.bar.max : v.bar.value;
  v.stop.remove();
  if (url) {
    const a = el("a", "name", item.path);
    a.href = url;
    v.name.replaceWith(a);
  }
  if (!ok) {
    const again = el("button", "quiet small", "Try again");
    again.type = "button";
    again.addEventListener("click", () => { v.li.remove(); sum.failed--; sum.files--; add(item.file, item.path); });
    v.li.append(again);
  }
  tell();
  next();
};

const send = (item) => {
  const v = item.view;
  const xhr = new XMLHttpRequest();
  item.cancel = () => xhr.abort();
  const url = `${form.dataset.upload}?key=${encodeURIComponent(form.dataset.prefix + item.path)}`;
  xhr.open("PUT", url);
  xhr.setRequestHeader("X-CSRF-Token", form.dataset.csrf);
  xhr.setRequestHeader("Content-Type", item.file.type || "application/octet-stream");
  xhr.responseType = "text";
  const began = performance.now();
  xhr.upload.addEventListener("progress", (e) => {
    v.bar.value = e.loaded;
    const rate = e.loaded / Math.max((performance.now() - began) / 1000, 0.1);
    v.state.textContent = e.loaded < e.total
      ? `${size(e.loaded)} of ${size(e.total)}, ${size(rate)}/s` : "being made durable";
  });
  xhr.addEventListener("load", () => {
    let answer = {};
    try { answer = JSON.parse(xhr.responseText); } catch { /* not ours: told below */ }
    if (xhr.status === 200 && answer.cid) finish(item, true, `stored, ${size(answer.size)}`, answer.url);
    else finish(item, false, answer.error || `The server answered ${xhr.status}.`);
  });
  xhr.addEventListener("error", () => finish(item, false, "The connection broke. Nothing of this file was stored."));
  xhr.addEventListener("abort", () => finish(item, false, "Cancelled. Nothing of this file was stored."));
  xhr.send(item.file);
};

// next starts what may run, and shows the new objects when all is over.
const next = () => {
  while (running < parallel && queue.length) {
    const item = queue.shift();
    if (item.over) continue;
    running++;
    item.started = true;
    item.view.state.textContent = "starting";
    send(item);
  }
  if (!running && !queue.length && sum.done) relist();
};

const relist = async () => {
  const part = document.querySelector('[data-part="listing"]');
  try {
    const res = await fetch(location.href);
    if (!res.ok || res.redirected) return;
    const page = new DOMParser().parseFromString(await res.text(), "text/html");
    part.innerHTML = page.querySelector('[data-part="listing"]').innerHTML;
    part.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
  } catch { /* the list is as old as the page; a reload shows the new one */ }
};

const add = (file, path) => {
  const item = { file, path, over: false, started: false };
  item.cancel = () => finish(item, false, "Cancelled.");
  item.view = row(item);
  queue.push(item);
  sum.files++;
  box.hidden = false;
  tell();
  next();
};

const addAll = (files) => { for (const f of files) add(f, f.webkitRelativePath || f.name); };

// walk adds a dropped file, or the files under a dropped folder.
const walk = async (entry, path) => {
  if (entry.isFile) {
    const file = await new Promise((yes, no) => entry.file(yes, no));
    add(file, path + entry.name);
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader gives at most 100 entries at a time
    const some = await new Promise((yes, no) => reader.readEntries(yes, no));
    if (!some.length) return;
    for (const e of some) await walk(e, `${path}${entry.name}/`);
  }
};

form.addEventListener("submit", (e) => {
  e.preventDefault();
  addAll(input.files);
  input.value = "";
});
input.addEventListener("change", () => {
  addAll(input.files);
  input.value = "";
});
const folderInput = folder.querySelector("input");
folderInput.addEventListener("change", () => {
  addAll(folderInput.files);
  folderInput.value = "";
});

let depth = 0; // dragenter and dragleave also fire for what is inside
const dragged = (e) => [...(e.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragenter", (e) => { if (dragged(e)) { depth++; form.classList.add("over"); } });
addEventListener("dragleave", (e) => { if (dragged(e) && --depth <= 0) { depth = 0; form.classList.remove("over"); } });
addEventListener("dragover", (e) => { if (dragged(e)) e.preventDefault(); });
addEventListener("drop", async (e) => {
  if (!dragged(e)) return;
  e.preventDefault();
  depth = 0;
  form.classList.remove("over");
  // The items are gone after the first await, so their entries are taken now.
  const entries = [...e.dataTransfer.items].map((i) => i.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) { addAll(e.dataTransfer.files); return; }
  for (const entry of entries) {
    try { await walk(entry, ""); } catch (err) { total.textContent = `${entry.name} cannot be read: ${err.message}`; box.hidden = false; }
  }
});
addEventListener("beforeunload", (e) => { if (running) e.preventDefault(); });

button.hidden = true; // choosing is enough
form.querySelector(".hint").hidden = false;
folder.hidden = false;
form.dataset.state = "ready";
