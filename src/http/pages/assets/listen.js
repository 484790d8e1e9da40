// The page plays without this. With it, playing is reported, and the waveform shows how far it has got.
"use strict";

const main = document.querySelector("main");
const audio = document.querySelector("audio");
const waveform = document.querySelector(".waveform");
const problem = document.querySelector(".problem");

let reported = false;

async function report() {
  // Programs that open links in mails may start the audio; only a person has touched the page before.
  const touched = navigator.userActivation?.hasBeenActive ?? true;
  if (reported || !touched) {
    return;
  }
  reported = true;
  try {
    // The mode stays at its default: with any other, the page's referrer policy would hide its origin from the server.
    const answer = await fetch(main.dataset.playedUrl, { method: "POST", keepalive: true });
    // Another try is worth making only if the server is at fault.
    reported = answer.status < 500;
  } catch {
    reported = false;
  }
}

audio.addEventListener("playing", report);

// An error is reported by each source that fails; only the last one leaves nothing to play.
audio.querySelector("source:last-of-type")?.addEventListener("error", () => {
  problem.hidden = false;
});
audio.addEventListener("error", () => {
  problem.hidden = false;
});
audio.addEventListener("playing", () => {
  problem.hidden = true;
});

// What was said at a place is played from a little before it.
for (const place of document.querySelectorAll("[data-at]")) {
  place.disabled = false;
  place.addEventListener("click", () => {
    audio.currentTime = Math.max(0, Number(place.dataset.at) - 0.5);
    audio.play();
  });
}

if (waveform) {
  const heard = waveform.querySelector("clipPath rect");
  const width = waveform.viewBox.baseVal.width;

  const show = () => {
    if (audio.duration > 0) {
      heard.setAttribute("width", (width * audio.currentTime) / audio.duration);
    }
  };
  for (const event of ["timeupdate", "seeked", "ended"]) {
    audio.addEventListener(event, show);
  }

  // The player's own slider does the same for keyboards and screen readers.
  waveform.classList.add("seekable");
  waveform.addEventListener("click", (event) => {
    const { left, width: wide } = waveform.getBoundingClientRect();
    if (audio.duration > 0 && wide > 0) {
      audio.currentTime = (audio.duration * (event.clientX - left)) / wide;
      show();
    }
  });
}
