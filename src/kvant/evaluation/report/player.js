const players = [...document.querySelectorAll("audio")];
for (const card of document.querySelectorAll(".card")) {
  const player = card.querySelector("audio"), buttons = [...card.querySelectorAll("button")];
  for (const button of buttons) button.addEventListener("click", () => {
    const place = player.ended ? 0 : player.currentTime;
    for (const other of buttons) other.setAttribute("aria-pressed", other === button);
    player.src = button.dataset.sound;
    player.currentTime = place;
    player.play();
  });
  player.addEventListener("error", () => {  // browsers cannot seek to every place of a FLAC file: begin anew then
    if (player.currentTime > 0) {
      player.load();
      player.currentTime = 0;
      player.play();
    }
  });
  player.addEventListener("play", () => players.forEach(other => other === player || other.pause()));
}
