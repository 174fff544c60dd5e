// The page works without this. With it routes can be found and tried.
"use strict";

const key = document.querySelector("[data-key]");
const find = document.querySelector("[data-find]");
document.querySelector("[data-tools]").hidden = false;
document.querySelector("[data-tools]").addEventListener("submit", (e) => e.preventDefault());
if (window.matchMedia("(max-width: 860px)").matches) document.querySelector("[data-nav]").open = false;

// The document is fetched once, when the first route is opened.
let asked;
const description = () => (asked ??= fetch("doc.json").then((r) => r.json()));

const make = (tag, attributes = {}, ...children) => {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in e) e[name] = value;
    else e.setAttribute(name, value);
  }
  e.append(...children);
  return e;
};

find.addEventListener("input", () => {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  let any = false;
  for (const group of document.querySelectorAll(".group")) {
    let some = false;
    for (const op of group.querySelectorAll(".op")) {
      const text = (op.querySelector("summary").textContent + " " + group.id).toLowerCase();
      op.hidden = !words.every((w) => text.includes(w));
      some ||= !op.hidden;
    }
    group.hidden = !some;
    any ||= some;
  }
  document.querySelector("[data-none]").hidden = any;
});

const openTarget = () => {
  const op = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (op?.matches("details.op")) op.open = true;
};
window.addEventListener("hashchange", openTarget);

// offer adds the form to a route that is open.
const offer = async (op) => {
  if (!op.open || op.dataset.offered) return;
  op.dataset.offered = "yes";
  try {
    const doc = await description();
    op.querySelector(".body").append(form(doc, op, doc.paths[op.dataset.path][op.dataset.method.toLowerCase()]));
  } catch (error) {
    op.querySelector(".body").append(make("p", { className: "dim" }, "The description cannot be read: " + error.message));
  }
};

const resolve = (doc, schema) => {
  if (schema.allOf?.length === 1) schema = schema.allOf[0];
  return schema.$ref ? doc.components.schemas[schema.$ref.split("/").pop()] : schema;
};

// example is a value of a schema, to begin a body with.
const example = (doc, schema, depth = 0) => {
  const s = resolve(doc, schema);
  if (s.default !== undefined) return s.default;
  if (depth > 6) return null;
  switch (s.type) {
    case "object": return Object.fromEntries(Object.entries(s.properties ?? {}).map(([name, p]) => [name, example(doc, p, depth + 1)]));
    case "array": return depth === 0 ? [example(doc, s.items, depth + 1)] : [];
    case "integer": case "number": return 0;
    case "boolean": return false;
    case "string": return "";
    default: return null;
  }
};

// field is an input for a parameter.
const field = (name, schema, note) => {
  let input;
  if (schema.enum || schema.type === "boolean") {
    input = make("select", {}, make("option", { value: "" }, ""), ...(schema.enum ?? ["true", "false"]).map((v) => make("option", { value: v }, v)));
  } else {
    input = make("input", { type: "text", autocomplete: "off", spellcheck: false, placeholder: String(schema.default ?? "") });
  }
  return { input, label: make("label", {}, make("span", {}, name, note ? " · " + note : ""), input) };
};

const form = (doc, op, operation) => {
  const fields = make("div", { className: "fields" });
  const parameters = (operation.parameters ?? []).filter((p) => !p.deprecated).map((p) => {
    const f = field(p.name, p.schema, p.required ? "needed" : p.in === "header" ? "header" : "");
    fields.append(f.label);
    return { ...p, input: f.input };
  });
  const body = bodyFields(doc, operation, fields);
  const send = make("button", { type: "submit" }, "Send");
  const show = make("button", { type: "button", className: "plain" }, "As curl");
  const out = make("div");
  const box = make("form", { className: "try" }, make("h3", {}, "Try it"), fields, make("div", { className: "act" }, send, show), out);
  show.addEventListener("click", () => out.replaceChildren(make("pre", { className: "curl" }, curl(request(op, parameters, body)))));
  box.addEventListener("submit", async (e) => {
    e.preventDefault();
    send.disabled = true;
    out.replaceChildren(make("p", { className: "dim" }, "…"));
    try {
      out.replaceChildren(...(await answer(request(op, parameters, body))));
    } catch (error) {
      out.replaceChildren(make("p", { className: "code err" }, "No answer: " + error.message));
    }
    send.disabled = false;
  });
  return box;
};

const bodyFields = (doc, operation, fields) => {
  const [media, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (!media) return null;
  const schema = resolve(doc, content.schema);
  const add = (name, input) => fields.append(make("label", { className: "all" }, make("span", {}, name), input));
  if (media === "application/json") {
    const input = make("textarea", { spellcheck: false, value: JSON.stringify(example(doc, content.schema), null, 2) });
    add("body", input);
    return { media, input };
  }
  if (media === "multipart/form-data") {
    const parts = Object.entries(schema.properties).map(([name, p]) => {
      const input = make("input", { type: p.format === "binary" ? "file" : "text" });
      add(name, input);
      return { name, input };
    });
    return { media, parts };
  }
  const input = make("input", { type: "file" });
  add(media, input);
  return { media, input };
};

// request is what the form asks for: {url, method, headers, body, shown}.
const request = (op, parameters, body) => {
  let path = op.dataset.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const p of parameters) {
    const value = p.input.value;
    if (p.in === "path") path = path.replace(`{${p.name}}`, value.split("/").map(encodeURIComponent).join("/"));
    else if (value === "") continue;
    else if (p.in === "header") headers[p.name] = value;
    else query.append(p.name, value);
  }
  if (key.value.trim()) headers.Authorization = "Bearer " + key.value.trim();
  const r = { url: path + (query.size ? "?" + query : ""), method: op.dataset.method, headers, shown: [] };
  if (!body) return r;
  if (body.parts) {
    r.body = new FormData();
    for (const { name, input } of body.parts) {
      const value = input.type === "file" ? input.files[0] : input.value;
      if (!value) continue;
      r.body.append(name, value);
      r.shown.push(`-F ${quote(name + "=" + (input.type === "file" ? "@" + value.name : value))}`);
    }
    return r;
  }
  headers["Content-Type"] = body.media;
  r.body = body.input.type === "file" ? (body.input.files[0] ?? "") : body.input.value;
  r.shown.push(body.input.type === "file" ? `--data-binary ${quote("@" + (r.body.name ?? "FILE"))}` : `-d ${quote(r.body)}`);
  return r;
};

const quote = (text) => "'" + text.replaceAll("'", "'\\''") + "'";

const curl = ({ url, method, headers, shown }) => [
  "curl", method === "GET" ? "" : "-X " + method, quote(location.origin + url),
  ...Object.entries(headers).map(([name, value]) => "-H " + (name === "Authorization" ? '"Authorization: Bearer $KEY"' : quote(name + ": " + value))),
  ...shown,
].filter(Boolean).join(" ");

// answer sends a request and tells what came back.
const answer = async ({ url, method, headers, body }) => {
  const begun = performance.now();
  const res = await fetch(url, { method, headers, body, credentials: "omit", cache: "no-store" });
  const blob = await res.blob();
  const took = Math.round(performance.now() - begun);
  const kind = res.headers.get("Content-Type") ?? "";
  const line = make("p", {}, make("span", { className: res.ok ? "code" : "code err" }, `${res.status} ${res.statusText}`),
    make("span", { className: "dim" }, ` · ${took} ms · ${blob.size} bytes${kind ? " · " + kind : ""}${res.redirected ? " · from " + new URL(res.url).pathname : ""}`));
  if (blob.size === 0) return [line];
  const most = 200_000;
  const text = /json|text|xml|javascript/.test(kind) && blob.size < 20 * most ? await blob.text() : null;
  const save = make("a", { href: URL.createObjectURL(blob), download: url.split("?")[0].split("/").pop() || "answer" }, "Save");
  line.append(" · ", save);
  if (text === null) return [line];
  let shown = text;
  if (/json/.test(kind)) {
    try {
      shown = JSON.stringify(JSON.parse(text), null, 2);
    } catch {} // shown as it came
  }
  return [line, make("pre", { tabIndex: 0 }, shown.length > most ? shown.slice(0, most) + "\n…" : shown)];
};

for (const op of document.querySelectorAll(".op")) {
  op.addEventListener("toggle", () => offer(op));
  offer(op); // the browser may have opened it again
}
openTarget();
