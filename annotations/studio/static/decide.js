// The second view: cells in which two annotators differ, side by side, for a decision with its reason.
import { everything, get, save, tell } from "./server.js";

const byId = (id) => document.getElementById(id);
const WORDS = ["not active", "active"];
let all, found;

export async function open() {
  all = await everything();
  if (!all) return false;
  const names = all.annotators;
  for (const [id, i] of [["first", 0], ["second", 1]]) {
    const before = byId(id).value || names[i];
    byId(id).replaceChildren(...names.map((name) => new Option(name, name)));
    byId(id).value = before;
    byId(id).onchange = load;
  }
  return load();
}

async function load() {
  const [first, second] = [byId("first").value, byId("second").value];
  byId("differences").replaceChildren();
  if (!first || !second) return tell("nothing to compare: two annotators have to label first"), true;
  const answer = await get(`/api/disagreements/${first}/${second}`);
  if (!answer) return false;
  tell("");
  found = answer;
  byId("one").textContent = first;
  byId("two").textContent = second;
  byId("differences").replaceChildren(...found.cells.map(row));
  count();
  return true;
}

function count() {
  const left = found.cells.filter((cell) => !cell.decision).length;
  byId("open").textContent = `${found.cells.length} cells differ, ${left} to decide`;
}

const named = (list, slug) => list.find((one) => one.slug === slug).name;

function row(cell) {
  const line = document.createElement("tr");
  line.append(text(named(all.activities, cell.activity)), text(named(all.muscles, cell.muscle)));
  for (const said of cell.says) {
    const box = document.createElement("td");
    box.className = `says${said.value}`;
    const word = document.createElement("b"), reason = document.createElement("small");
    word.textContent = WORDS[said.value];
    reason.textContent = said.reason;
    box.append(word, reason);
    line.append(box);
  }
  line.append(decision(cell));
  return line;
}

function text(words) {
  const box = document.createElement("td");
  box.textContent = words;
  return box;
}

function decision(cell) {
  const box = document.createElement("td"), form = document.createElement("form"), reason = document.createElement("input");
  reason.placeholder = "why";
  reason.required = true;
  reason.value = cell.decision?.reason ?? "";
  form.append(reason);
  for (const value of [1, 0]) {
    const button = document.createElement("button");
    button.textContent = WORDS[value];
    button.value = value;
    button.setAttribute("aria-pressed", cell.decision?.value === value);
    form.append(button);
  }
  form.onsubmit = (event) => {
    event.preventDefault();
    decideOn(cell, { value: Number(event.submitter.value), reason: reason.value.trim() }, form);
  };
  box.append(form);
  return box;
}

function decideOn(cell, judgement, form) {
  const done = (answer) => {
    found.revision = answer.revision;
    cell.decision = judgement;
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-pressed", Number(button.value) === judgement.value);
    count();
  };
  save("/api/labels/decisions", () => ({ revision: found.revision, activity: cell.activity, cells: { [cell.muscle]: judgement } }), done, load);
}

export const key = () => false;
