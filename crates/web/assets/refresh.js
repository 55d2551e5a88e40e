// Brings the status page up to date in place: only what changed, only while somebody looks, and not while paused.
"use strict";

const SECONDS_BETWEEN_UPDATES = 10;
const pause = document.getElementById("pause");
const trouble = document.getElementById("trouble");
let paused = false;

// Text appears in the status region only when it changes, so that screen readers are not told twice.
function say(text) {
  if (trouble.textContent !== text) {
    trouble.textContent = text;
    trouble.hidden = text === "";
  }
}

async function update() {
  if (paused || document.hidden) return;
  let answer;
  try {
    answer = await fetch("/status", { cache: "no-store", credentials: "same-origin" });
  } catch {
    say("This page is not up to date: the server does not answer.");
    return;
  }
  if (answer.redirected) {
    location.assign("/sign-in");
    return;
  }
  if (!answer.ok) {
    say("This page is not up to date: the server answers with an error.");
    return;
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (next && next.innerHTML !== part.innerHTML) {
      part.replaceChildren(...next.childNodes);
    }
  }
  say("");
}

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  if (!paused) update();
});
document.addEventListener("visibilitychange", update);
setInterval(update, SECONDS_BETWEEN_UPDATES * 1000);
