// All talk with the server: who is asking, problems, pages of lists, events.

const KEY = "groundwork-key";
const TOKEN = "groundwork_csrf";

/** What the server says went wrong; `detail` names the value and the mend. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || `The server answered with status ${status}.`);
    this.status = status;
    this.title = body.title || "Error";
    this.kind = (body.type || "").replace("urn:groundwork:", "");
    this.body = body;
  }
}

let signIn = async () => false;

/** Say how a person signs in: called with a problem, it gives whether to try again. */
export function onSignIn(act) {
  signIn = act;
}

/** The API key of this tab, null without one. */
export const key = () => sessionStorage.getItem(KEY);

/** Keep an API key for as long as the tab is open; null forgets it. */
export function keep(secret) {
  if (secret) sessionStorage.setItem(KEY, secret);
  else sessionStorage.removeItem(KEY);
}

/** The address of a route with its parameters; those that are empty are left out. */
export function address(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** Ask the server, signing in where it wants that. Raises a Problem. */
export async function send(path, { method = "GET", body, signal, accept = "application/json", headers = {} } = {}) {
  for (;;) {
    const response = await fetch(path, { method, signal, ...credentials(), ...content(body, accept, headers) });
    if (response.ok) return response;
    const problem = new Problem(response.status, await response.json().catch(() => ({})));
    if (problem.status !== 401 || !(await signIn(problem))) throw problem;
  }

  function content(body, accept, headers) {
    const all = { Accept: accept, ...authorization(), ...headers };
    if (body === undefined) return { headers: all };
    if (body instanceof FormData) return { headers: all, body };
    return { headers: { ...all, "Content-Type": "application/json" }, body: JSON.stringify(body) };
  }
}

function credentials() {
  return { credentials: "same-origin", redirect: "error" };
}

function authorization() {
  if (key()) return { Authorization: `Bearer ${key()}` };
  return token() ? { "X-CSRF-Token": token() } : {};
}

/** What proves that a page of ours sends a request of somebody who is logged in; null where nobody is. */
export function token() {
  const cookies = document.cookie.split("; ").map((cookie) => cookie.split("="));
  return cookies.find(([name]) => name === TOKEN)?.[1] ?? null;
}

/** What a route answers, as JSON; null where it answers with nothing. */
export async function call(path, options = {}) {
  const response = await send(path, options);
  return response.status === 204 ? null : response.json();
}

/** A page of a list at a time; `name` is the field that holds the items. */
export async function* pages(path, name, parameters = {}) {
  let cursor = null;
  do {
    const page = await call(address(path, { ...parameters, cursor }));
    yield page[name];
    cursor = page.next;
  } while (cursor);
}

/** All items of a list, at most `most`. */
export async function list(path, name, parameters = {}, most = 500) {
  const found = [];
  for await (const items of pages(path, name, parameters)) {
    found.push(...items);
    if (found.length >= most) break;
  }
  return found.slice(0, most);
}

/** Server-sent events of a route, as {name, data}, while they come. */
export async function* events(path, options = {}) {
  const response = await send(path, { ...options, accept: "text/event-stream" });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const whole = (text + value).replaceAll("\r\n", "\n").split("\n\n");
      text = whole.pop();
      for (const event of whole) {
        const read = parse(event);
        if (read) yield read;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(event) {
  const lines = event.split("\n").filter((line) => line && !line.startsWith(":"));
  const of = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart());
  const data = of("data").join("\n");
  return data ? { name: of("event")[0] || "message", data: JSON.parse(data) } : null;
}
