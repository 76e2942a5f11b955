// The first view: watch an activity, say which groups are active.
import { everything, get, save, tell } from "./server.js";
import { draw } from "./skeleton.js";

const KEYS = "1234567890qwertyuiop";
const byId = (id) => document.getElementById(id);
const video = byId("clip");
let all, name, said, at = 0, clip = 0, bones = null;

const activity = () => all.activities[at];
const cells = (slug) => said.cells[slug] ?? {};
const isDone = (slug) => Object.keys(cells(slug)).length === all.muscles.length;
const stateOf = (cell) => (cell ? (cell.value ? "active" : "inactive") : "unjudged");

export async function open(annotator) {
  if (!annotator) {
    tell("");
    byId("name").focus();
    return false;
  }
  all = await everything();
  name = annotator;
  if (!all || !(await load())) return false;
  build();
  const first = all.activities.findIndex((one) => !isDone(one.slug));
  at = first < 0 ? 0 : first;
  go(at);
  return true;
}

async function load() {
  const found = await get(`/api/labels/${name}`);
  if (!found) return false;
  tell("");
  said = found;
  return true;
}

function build() {
  byId("body").innerHTML = all.bodymap;
  byId("groups").replaceChildren(...all.muscles.map((muscle, i) => {
    const item = document.createElement("li");
    item.innerHTML = `<label data-muscle="${muscle.slug}"><input type="checkbox"><span></span><kbd>${KEYS[i]}</kbd></label>`;
    item.querySelector("span").textContent = muscle.name;
    item.firstChild.title = muscle.anatomy;
    return item;
  }));
  for (const part of document.querySelectorAll("#label [data-muscle]")) {
    const slug = part.dataset.muscle;
    part.onclick = (event) => { event.preventDefault(); turn(slug); };
    part.onmouseenter = () => point(slug, true);
    part.onmouseleave = () => point(slug, false);
  }
  byId("activities").replaceChildren(...all.activities.map((one, i) => {
    const item = document.createElement("li");
    item.innerHTML = "<button><span></span><small></small></button>";
    item.querySelector("span").textContent = one.name;
    item.firstChild.onclick = () => { item.firstChild.blur(); go(i); };
    return item;
  }));
}

function point(slug, on) {
  for (const part of document.querySelectorAll(`#label [data-muscle="${slug}"]`)) part.classList.toggle("pointed", on);
}

function go(i) {
  at = (i + all.activities.length) % all.activities.length;
  clip = 0;
  const one = activity();
  byId("title").textContent = one.name;
  byId("facts").textContent = [one.aliases.join(", "), one.facts.join(" · ")].filter(Boolean).join(" — ");
  play();
  render();
  byId("activities").children[at].scrollIntoView({ block: "nearest" });
}

async function play() {
  const clips = activity().clips, key = clips[clip];
  byId("noclip").hidden = !!key;
  byId("which").textContent = key ? `clip ${clip + 1} of ${clips.length}` : "no clips";
  bones = null;
  if (!key) return video.removeAttribute("src"), video.load();
  video.src = `/clips/${key}`;
  video.play().catch(() => {});
  const found = await get(`/api/skeleton/${key}`);
  if (activity().clips[clip] === key) bones = found;
}

function render() {
  const mine = cells(activity().slug);
  for (const part of document.querySelectorAll("#label [data-muscle]")) {
    const state = stateOf(mine[part.dataset.muscle]);
    for (const word of ["active", "inactive", "unjudged"]) part.classList.toggle(word, word === state);
    const box = part.querySelector("input");
    if (box) Object.assign(box, { checked: state === "active", indeterminate: state === "unjudged" });
  }
  if (document.activeElement !== byId("comment")) byId("comment").value = said.comments[activity().slug] ?? "";
  const done = all.activities.filter((one) => isDone(one.slug)).length;
  Object.assign(byId("done"), { max: all.activities.length, value: done });
  byId("count").textContent = `${done} of ${all.activities.length}`;
  all.activities.forEach((one, i) => {
    const button = byId("activities").children[i].firstChild;
    button.setAttribute("aria-current", i === at);
    const judged = Object.keys(cells(one.slug)).length;
    button.querySelector("small").textContent = isDone(one.slug) ? "✓" : judged ? `${judged}/${all.muscles.length}` : "";
  });
}

function store(slug, changed, comment) {
  const mine = { ...cells(slug) };
  for (const [muscle, cell] of Object.entries(changed)) cell ? (mine[muscle] = cell) : delete mine[muscle];
  said.cells[slug] = mine;
  if (comment !== undefined) said.comments[slug] = comment;
  render();
  const mineName = name;
  return save(`/api/labels/${mineName}`, () => ({ revision: said.revision, activity: slug, cells: changed, comment }),
    (answer) => { said.revision = answer.revision; },
    async () => { if (await load()) render(); });
}

function turn(muscle) {
  const slug = activity().slug, cell = cells(slug)[muscle];
  const next = !cell ? { value: 1, reason: "" } : cell.value ? { value: 0, reason: cell.reason } : null;
  store(slug, { [muscle]: next });
}

function rest() {
  const slug = activity().slug, mine = cells(slug);
  const open = all.muscles.filter((muscle) => !mine[muscle.slug]);
  if (open.length) store(slug, Object.fromEntries(open.map((muscle) => [muscle.slug, { value: 0, reason: "" }])));
  go(at + 1);
}

function otherClip(step) {
  const count = activity().clips.length;
  if (!count) return;
  clip = (clip + step + count) % count;
  play();
}

export function key(pressed) {
  const group = KEYS.indexOf(pressed.toLowerCase());
  if (group >= 0 && pressed.length === 1) return turn(all.muscles[group].slug), true;
  const act = {
    Enter: rest,
    ArrowRight: () => go(at + 1),
    ArrowLeft: () => go(at - 1),
    "[": () => otherClip(-1),
    "]": () => otherClip(1),
    " ": () => (video.paused ? video.play() : video.pause()),
    s: () => byId("skeleton").click(),
    c: () => byId("comment").focus(),
    "/": () => byId("find").focus(),
  }[pressed];
  act?.();
  return !!act;
}

byId("rest").onclick = rest;
byId("previous-clip").onclick = () => otherClip(-1);
byId("next-clip").onclick = () => otherClip(1);
byId("comment").onchange = () => store(activity().slug, {}, byId("comment").value);
byId("find").oninput = () => {
  const word = byId("find").value.trim().toLowerCase();
  all.activities.forEach((one, i) => {
    byId("activities").children[i].hidden = ![one.name, ...one.aliases].some((text) => text.toLowerCase().includes(word));
  });
};
byId("find").onkeydown = (event) => {
  const found = [...byId("activities").children].findIndex((item) => !item.hidden);
  if (event.key === "Enter" && found >= 0) { byId("find").blur(); go(found); }
};

function frame() {
  if (video.readyState >= 2 && !byId("label").hidden) draw(byId("bones"), video, byId("skeleton").checked ? bones : null);
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);
