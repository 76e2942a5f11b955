// Requests, one after another, and what to say of them.
const saved = document.getElementById("saved");
const problem = document.getElementById("problem");
let queue = Promise.resolve();

export function tell(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("the server does not answer: not saved. Run make annotate again and reload this page");
  }
  const data = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(data.error), { conflict: answer.status === 409 });
  return data;
}

export async function get(path) {
  try {
    return await ask(path);
  } catch (error) {
    tell(error.message);
    return null;
  }
}

// `body` is called when its turn has come, so that it holds the revision that the save before it gave.
// `reload` brings back what the file holds when a save is refused.
export function save(path, body, done, reload) {
  queue = queue.then(async () => {
    saved.textContent = "saving…";
    try {
      done(await ask(path, body()));
      tell("");
      saved.textContent = "saved";
    } catch (error) {
      saved.textContent = "not saved";
      if (error.conflict || reload) await reload();
      tell(error.conflict ? `${error.message}. The page now shows what is in the file; make your last change again.` : error.message);
    }
  });
  return queue;
}

let start;
export async function everything() {
  start ??= await get("/api/start");
  return start;
}
