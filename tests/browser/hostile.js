// What a page of a hostile tenant tries in the browser of somebody who is signed in. OWN and OTHER are cenvs, ELSEWHERE another origin.
const told = {};

async function attempt(name, act) {
  try {
    told[name] = String(await act());
  } catch (error) {
    told[name] = "refused";
  }
}

function tell(cenv, body) {
  return { method: "POST", credentials: "include", headers: { "Content-Type": "text/plain" }, body: JSON.stringify(body), mode: "no-cors" };
}

function once(target, good, bad) {
  return new Promise((resolve, reject) => {
    target[good] = () => resolve("loaded");
    target[bad] = () => reject(new Error(bad));
    setTimeout(() => reject(new Error("nothing came")), 2000);
  });
}

function post(cenv, path, target) {
  const form = Object.assign(document.createElement("form"), { method: "POST", action: `/${cenv}${path}`, enctype: "text/plain", target });
  form.append(Object.assign(document.createElement("input"), { name: '{"sql": "DELETE FROM notes", "x": "', value: '"}' }));
  document.body.append(form);
  form.submit();
}

async function frame(source) {
  const made = Object.assign(document.createElement("iframe"), { src: source, name: "framed" });
  const loaded = once(made, "onload", "onerror");
  document.body.append(made);
  await loaded;
  return made.contentWindow.document.body.innerText;
}

async function everything() {
  await attempt("origin", () => self.origin);
  for (const [whose, cenv] of [["own", OWN], ["other", OTHER]]) {
    for (const path of ["/me", "/tables", "/sessions", "/keys", "/admin/users", "/admin/config", "/api/private"]) {
      await attempt(`${whose} read ${path}`, async () => (await fetch(`/${cenv}${path}`, { credentials: "include" })).text());
      await attempt(`${whose} read blindly ${path}`, async () => (await fetch(`/${cenv}${path}`, { credentials: "include", mode: "no-cors" })).text());
    }
    await attempt(`${whose} write`, async () => (await fetch(`/${cenv}/query`, { ...tell(cenv, { sql: "DELETE FROM notes" }), mode: "cors" })).text());
    await attempt(`${whose} write with CSRF`, async () =>
      (await fetch(`/${cenv}/query`, { ...tell(cenv, { sql: "DELETE FROM notes" }), mode: "cors", headers: { "X-CSRF-Token": "x", "Content-Type": "application/json" } })).text());
    await attempt(`${whose} write blindly`, async () => (await fetch(`/${cenv}/query`, tell(cenv, { sql: "DELETE FROM notes" }))).text());
    await attempt(`${whose} end sessions`, async () => (await fetch(`/${cenv}/sessions`, { method: "DELETE", credentials: "include" })).text());
    await attempt(`${whose} log out`, async () => (await fetch(`/${cenv}/logout`, { method: "POST", credentials: "include", mode: "no-cors" })).text());
    await attempt(`${whose} beacon`, () => navigator.sendBeacon(`/${cenv}/logout`, "x") && "");
    await attempt(`${whose} form`, () => post(cenv, "/query", "sink"));
    await attempt(`${whose} log out by form`, () => post(cenv, "/logout", "sink"));
    await attempt(`${whose} frame`, () => frame(`/${cenv}/`));
    await attempt(`${whose} frame of a value`, () => frame(`/${cenv}/me`));
    await attempt(`${whose} frame of content`, () => frame(`/${cenv}/api/private`));
    await attempt(`${whose} events`, () => once(new EventSource(`/${cenv}/me`, { withCredentials: true }), "onopen", "onerror"));
    await attempt(`${whose} script`, async () => {
      const script = Object.assign(document.createElement("script"), { src: `/${cenv}/me` });
      const loaded = once(script, "onload", "onerror");
      document.body.append(script);
      return loaded;
    });
    await attempt(`${whose} worker`, async () => {
      const source = `fetch("${location.href.split("/").slice(0, 3).join("/")}/${cenv}/me", { credentials: "include" }).then(a => a.text()).then(postMessage, () => postMessage("refused"))`;
      const worker = new Worker(URL.createObjectURL(new Blob([source])));
      return new Promise(resolve => { worker.onmessage = event => resolve(event.data); worker.onerror = () => resolve("refused"); });
    });
  }
  await attempt("service worker", async () => (await navigator.serviceWorker.register(`/${OWN}/api/worker`)).scope);
  await attempt("cookie", () => { document.cookie = `wce_${OTHER.slice(0, 8)}=planted; path=/${OTHER}/`; return document.cookie; });
  await attempt("local storage", () => { localStorage.planted = "x"; return localStorage.planted; });
  await attempt("session storage", () => { sessionStorage.planted = "x"; return sessionStorage.planted; });
  await attempt("database", () => new Promise((resolve, reject) => { const asked = indexedDB.open("x"); asked.onsuccess = () => resolve("opened"); asked.onerror = reject; }));
  await attempt("cache", async () => (await caches.open("x")) && "opened");
  await attempt("domain", () => { document.domain = location.hostname; return document.domain; });
  await attempt("out by fetch", async () => (await fetch(`${ELSEWHERE}/`, { mode: "no-cors" })).type);
  await attempt("out by image", async () => { const image = new Image(); const loaded = once(image, "onload", "onerror"); image.src = `${ELSEWHERE}/`; return loaded; });
  await attempt("parent", () => (parent === window ? "" : parent.document.title));
  await attempt("public", async () => (await fetch(`/${OWN}/api/public`)).text());
  return told;
}
