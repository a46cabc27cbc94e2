// Says whether a subdomain is free while it is typed; the page works without.
(() => {
  const input = document.getElementById("id_subdomain");
  const state = document.getElementById("subdomain-state");
  if (!input || !state) return;
  let timer;
  let asked = 0;
  const check = async () => {
    const name = input.value.trim().toLowerCase();
    const mine = ++asked;
    state.className = "";
    if (!name) {
      state.textContent = "3 to 32 of a-z, 0-9 and hyphens.";
      return;
    }
    const answer = await fetch("/api/signup/subdomain/?subdomain=" + encodeURIComponent(name));
    if (!answer.ok || mine !== asked) return;
    const { available, reason } = await answer.json();
    state.textContent = available ? name + " is free." : reason;
    state.className = available ? "free" : "errors";
  };
  check().catch(() => {});
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => check().catch(() => {}), 250);
  });
})();
