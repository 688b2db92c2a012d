/* Looks through ENTRIES (search-data.js, written by the build) with MiniSearch, and lists what it finds. */

const MOST = 30;
const WORD = /\d+\.\d+[a-z]?|[\p{L}\p{N}_]+/gu;

/* A word, and the parts of a name: step_backward is found by backward, too. */
function words(text) {
  const found = text.match(WORD) ?? [];
  return found.concat(found.filter((word) => word.includes("_")).flatMap((word) => word.split("_")));
}

/* 'vanishing' looks for what begins with 'vanish'. A number, or a word of three letters, is meant as it stands. */
const stem = (word) => word.toLowerCase().replace(/(?<=.{4})(ing|ed|es|s)$/, "");
const isNumber = (word) => /^\d/.test(word);

const index = new MiniSearch({
  fields: ["title", "keys", "text", "code"],
  idField: "url",
  tokenize: words,
});
const byAddress = new Map(ENTRIES.map((entry) => [entry.url, entry]));
index.addAll(byAddress.values());

function find(query) {
  const options = {
    tokenize: (text) => text.match(WORD) ?? [],
    processTerm: stem,
    prefix: (word) => word.length > 3 && !isNumber(word),
    boost: { title: 4, keys: 6, code: 0.3 },
  };
  const all = index.search(query, { ...options, combineWith: "AND" });
  return all.length ? all : index.search(query, options);
}

/* Some words around the first that was looked for. */
function excerpt(text, query) {
  const paragraph = document.createElement("p");
  const terms = (query.match(WORD) ?? []).map((word) => stem(word).replace(/[.]/g, "\\."));
  const at = text.search(new RegExp(`(?<![\\p{L}\\p{N}])(${terms.join("|")})`, "iu"));
  const start = at < 60 ? 0 : text.indexOf(" ", at - 60);
  paragraph.textContent = (start ? "…" : "") + text.slice(start, start + 160) + (text.length > start + 160 ? "…" : "");
  return paragraph;
}

function row(entry, query) {
  const item = document.createElement("li"), link = document.createElement("a");
  link.href = entry.url;
  link.textContent = entry.title;
  item.append(link);
  if (entry.page) item.append(` in ${entry.page}`);
  if (entry.text || entry.keys) item.append(excerpt(entry.text || entry.keys, query));
  return item;
}

function show(query) {
  const found = query.trim() ? find(query) : [];
  const results = document.getElementById("results"), said = document.getElementById("found");
  results.replaceChildren(...found.slice(0, MOST).map(({ id }) => row(byAddress.get(id), query)));
  if (!query.trim()) said.textContent = "";
  else if (!found.length) said.textContent = `Nothing has '${query}'.`;
  else said.textContent = `${found.length} found${found.length > MOST ? `; the first ${MOST} are` : ""}:`;
}

const form = document.getElementById("search");
form.q.value = new URLSearchParams(location.search).get("q") ?? "";
form.q.addEventListener("input", () => show(form.q.value));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  history.replaceState(null, "", `?q=${encodeURIComponent(form.q.value)}`);
  document.querySelector("#results a")?.focus();
});
show(form.q.value);
