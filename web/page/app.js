// Sends a pick without leaving the page, and says quietly what became of it.

const form = document.getElementById("form");
const user = document.getElementById("user");
const message = document.getElementById("message");
const timeout = 10_000; // milliseconds until a server that does not answer counts as out of reach

let latest = 0; // number of the newest pick: an older answer must not overwrite its message

form.noValidate = true; // the message line says it instead of the browser's bubble

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = event.submitter;
  if (!button?.value) return;
  const name = user.value.trim();
  if (name === "") {
    user.setAttribute("aria-invalid", "true");
    say("error", "Please type your name first.");
    user.focus();
    return;
  }
  pick(name, button);
});

user.addEventListener("input", () => {
  if (user.getAttribute("aria-invalid") !== "true") return;
  user.removeAttribute("aria-invalid");
  say("", "");
});

// Enter in the name field leads to the first colour. The focus moves when the key comes up, or the same key press would pick that colour;
// an Enter that ends the composition of a character (key code 229) stays in the field.
let entered = false;
user.addEventListener("keydown", (event) => {
  entered = event.key === "Enter" && !event.isComposing && event.keyCode !== 229;
});
user.addEventListener("keyup", (event) => {
  if (!entered || event.key !== "Enter") return;
  entered = false;
  form.querySelector("button[value]").focus();
});

async function pick(name, button) {
  const number = ++latest;
  const label = button.querySelector(".name").textContent;
  const query = new URLSearchParams({ color: button.value, user: name });
  let kind = "done";
  let text = `Thank you, ${name}: ${label} it is.`;
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${form.action}?${query}`, {
      cache: "no-store",
      credentials: "omit",
      keepalive: true, // a pick made while leaving the page still counts
      signal: AbortSignal.timeout(timeout),
    });
    if (!answer.ok) {
      kind = "error";
      text = await explain(answer, label);
    }
  } catch {
    kind = "error";
    text = `${label} could not be sent. Please check your connection and pick again.`;
  } finally {
    button.removeAttribute("aria-busy");
  }
  if (number !== latest) return;
  for (const b of form.querySelectorAll("[data-picked]")) delete b.dataset.picked;
  if (kind === "done") button.dataset.picked = "";
  say(kind, text);
}

async function explain(answer, label) {
  if (answer.status === 503) {
    const wait = Number(answer.headers.get("Retry-After")) || 2;
    return `Very many people are picking just now. Please pick ${label} again in ${wait} seconds.`;
  }
  const body = await answer.json().catch(() => ({}));
  const why = typeof body.error === "string" ? body.error : `the server answered ${answer.status}`;
  return `${label} could not be sent: ${why}.`;
}

function say(kind, text) {
  message.dataset.kind = kind;
  message.textContent = text;
}
