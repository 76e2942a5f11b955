// The third view: mark in and out on a long video, choose the activity.
import { everything, get, save, tell } from "./server.js";

const byId = (id) => document.getElementById(id);
const video = byId("long");
let all, rows = [], revision = "", from = null, to = null;

export async function open() {
  all = await everything();
  if (!all || !(await load())) return false;
  const before = byId("source").value || all.videos[0];
  byId("source").replaceChildren(...all.videos.map((id) => new Option(id, id)));
  byId("names").replaceChildren(...all.activities.map((one) => new Option(one.name, one.slug)));
  if (!all.videos.length) return tell("no videos yet: run make download or make take first"), true;
  byId("source").value = before;
  choose();
  return true;
}

async function load() {
  const answer = await get("/api/segments");
  if (!answer) return false;
  tell("");
  ({ rows, revision } = answer);
  return true;
}

const mine = () => rows.filter((row) => row[0] === byId("source").value).sort((a, b) => a[1] - b[1]);

function choose() {
  video.src = `/videos/${byId("source").value}`;
  from = to = null;
  render();
}

function render() {
  byId("from").textContent = from === null ? "–" : from.toFixed(3);
  byId("to").textContent = to === null ? "–" : to.toFixed(3);
  byId("spans").replaceChildren(...mine().map(line));
  const length = video.duration || 1;
  const bars = mine().map((row) => bar(row[1], row[2], row[3], ""));
  if (from !== null) bars.push(bar(from, to ?? from + length / 200, "marked", "marked"));
  byId("timeline").replaceChildren(...bars);

  function bar(start, end, title, kind) {
    const drawn = document.createElement("i");
    Object.assign(drawn, { title, className: kind });
    drawn.style.left = `${(100 * start) / length}%`;
    drawn.style.width = `${(100 * (end - start)) / length}%`;
    return drawn;
  }
}

function line(row) {
  const drawn = document.createElement("tr");
  for (const words of row.slice(1)) drawn.insertCell().textContent = words;
  const see = document.createElement("button"), remove = document.createElement("button");
  see.textContent = "go to";
  see.onclick = () => { video.currentTime = Number(row[1]); };
  remove.textContent = "remove";
  remove.onclick = () => write(mine().filter((one) => one !== row));
  drawn.insertCell().append(see, " ", remove);
  return drawn;
}

function write(kept) {
  const source = byId("source").value;
  const spans = kept.map((row) => [Number(row[1]), Number(row[2]), row[3]]);
  return save(`/api/segments/${source}`, () => ({ revision, spans }), async () => {
    from = to = null;
    await load();
    render();
  }, async () => { await load(); render(); });
}

function add() {
  const typed = byId("activity").value.trim();
  const chosen = all.activities.find((one) => one.slug === typed || one.name === typed);
  if (from === null || to === null) return tell("mark in and out first (keys i and o)");
  if (!chosen) return tell(`no activity ${typed || "chosen"}; choose one of the list`);
  write([...mine(), [byId("source").value, from, to, chosen.slug]]);
}

const step = (seconds) => { video.currentTime = Math.max(0, video.currentTime + seconds); };
const markIn = () => { from = video.currentTime; render(); };
const markOut = () => { to = video.currentTime; render(); };

export function key(pressed) {
  const act = {
    i: markIn,
    o: markOut,
    Enter: add,
    a: () => byId("activity").focus(),
    " ": () => (video.paused ? video.play() : video.pause()),
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    ",": () => step(-0.04),
    ".": () => step(0.04),
  }[pressed];
  act?.();
  return !!act;
}

byId("source").onchange = choose;
byId("in").onclick = markIn;
byId("out").onclick = markOut;
byId("add").onclick = add;
byId("activity").onkeydown = (event) => { if (event.key === "Enter") { byId("activity").blur(); add(); } };
video.onloadedmetadata = render;
video.ontimeupdate = () => { byId("now").textContent = video.currentTime.toFixed(3); };
