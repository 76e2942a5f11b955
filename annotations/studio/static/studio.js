// What the three views share: the server, the name of the annotator, problems, keys.
import * as label from "./label.js";
import * as decide from "./decide.js";
import * as cut from "./cut.js";

const views = { label, decide, cut };
const byId = (id) => document.getElementById(id);
let current = "";

async function show(name) {
  current = name;
  for (const view of Object.keys(views)) byId(view).hidden = true;
  for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", button.dataset.view === name);
  for (const video of document.querySelectorAll("video")) video.pause();
  byId(name).hidden = !(await views[name].open(byId("name").value.trim()));
}

for (const button of document.querySelectorAll("[data-view]")) button.onclick = () => { button.blur(); show(button.dataset.view); };
byId("who").onsubmit = (event) => {
  event.preventDefault();
  localStorage.setItem("annotator", byId("name").value.trim());
  document.activeElement.blur();
  show("label");
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return document.activeElement.blur();
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
  if (typing || (event.target.closest("button, video") && (event.key === "Enter" || event.key === " "))) return;
  if (current && !byId(current).hidden && views[current].key(event.key)) event.preventDefault();
});

byId("name").value = localStorage.getItem("annotator") ?? "";
show("label");
