/** The frame: login, menu, how the service is, and the page that the address names. */
import { html, render, useCallback, useEffect, useErrorBoundary, useRef, useState } from './lib/preact.js';
import { Refusal, call, onLoggedOut, readHealth } from './api.js';
import { AskDialog, Notice } from './parts/ask.js';
import { Fault, Loading } from './parts/states.js';
import { PAGES } from './pages.js';
import { hrefOf, readRoute, useRoute } from './route.js';

const HEALTH_EVERY_MS = 10_000;

const Brand = () => html`<a class="brand" href=${hrefOf('home')}><img src="dashboard/icon.svg" alt="" />Jongleur</a>`;

function Login({ onDone }) {
  const [key, setKey] = useState('');
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await call('POST', 'dashboard/session', { key: key.trim() });
      onDone();
    } catch (refusal) {
      setError(refusal);
    } finally {
      setKey('');
      setBusy(false);
    }
  };
  return html`<main class="login">
    <form onSubmit=${submit}>
      <h1 class="brand"><img src="dashboard/icon.svg" alt="" />Jongleur</h1>
      <p class="muted">Log in with an admin key. <code>jongleur keys admin</code> prints it, and so does the terminal at the first start.</p>
      <input type="text" autocomplete="username" value="admin" hidden />
      <div class="field"><label for="key">Admin key</label>
        <input id="key" type="password" autocomplete="current-password" spellcheck=${false} required value=${key} onInput=${(event) => setKey(event.currentTarget.value)} placeholder="ak_…" /></div>
      ${error !== null && html`<div class="fault" role="alert"><strong>${error.detail || error.message}</strong>${error.remedy && html`<p>${error.remedy}</p>`}</div>`}
      <button class="primary" disabled=${isBusy}>Log in</button>
    </form>
  </main>`;
}

/** @returns tone and words of how the service is, and a sentence where somebody should know */
function describeHealth(health) {
  if (health === null) {
    return ['', 'asking …', null];
  }
  if (health === 'away') {
    return ['bad', 'does not answer', 'The service does not answer. What is shown is from before; it is asked again every ten seconds.'];
  }
  if (health.status === 'demo') {
    return ['warn', 'making the demo shop', 'The demo shop is being made and its first model trained: some ten seconds, then it can answer.'];
  }
  if (health.status !== 'ready') {
    return ['warn', health.status, `The service is ${health.status}.`];
  }
  if (health.database !== 'up') {
    return ['bad', `database ${health.database}`, health.database === 'full' ? 'The disk of Postgres is full: lists are given from memory, and nothing new can be stored until there is room.' : 'Postgres does not answer: lists are given from memory, and nothing new can be stored until it is back.'];
  }
  return ['good', health.modelVersion === null ? 'ready, no model yet' : `ready, model ${health.modelVersion}`, null];
}

function useHealth() {
  const [health, setHealth] = useState(null);
  useEffect(() => {
    const look = async () => {
      if (!document.hidden) {
        setHealth(await readHealth().catch(() => 'away'));
      }
    };
    void look();
    const timer = setInterval(look, HEALTH_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return health;
}

/** The page's module and what it draws; a fault of its code stays within it. */
function Place({ page, parameters }) {
  const [loaded, setLoaded] = useState({});
  const [broken, reset] = useErrorBoundary((error) => reportError(error));
  useEffect(() => {
    reset();
    page.load().then(
      (module) => setLoaded({ path: page.path, Page: module.default }),
      () => setLoaded({ path: page.path, error: new Refusal(0, { detail: `The page ${page.title} could not be loaded.`, remedy: 'Is the service still running? Load the page again.' }) }),
    );
  }, [page]);
  if (broken) {
    return html`<${Fault} error=${new Refusal(0, { detail: 'This page has a fault and could not be drawn.', remedy: String(broken) })} again=${reset} />`;
  }
  if (loaded.path !== page.path) {
    return html`<${Loading} />`;
  }
  return loaded.error === undefined ? html`<${loaded.Page} parameters=${parameters} />` : html`<${Fault} error=${loaded.error} again=${() => location.reload()} />`;
}

function Frame({ onLogOut }) {
  const { path, parameters } = useRoute();
  const health = useHealth();
  const [isOpen, setOpen] = useState(false);
  const main = useRef(null);
  const isFirst = useRef(true);
  const page = PAGES.find((one) => one.path === path);
  const [tone, words, warning] = describeHealth(health);

  useEffect(() => {
    document.title = `${page?.title ?? 'Not found'} · Jongleur`;
    setOpen(false);
    if (!isFirst.current) {
      // Whoever reads by ear or goes by keyboard begins where the new page begins.
      main.current.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [path]);

  return html`<div class="frame">
    <button type="button" class="skip" onClick=${() => main.current.focus()}>To the page</button>
    <div class=${isOpen ? 'side open' : 'side'}>
      <${Brand} />
      <button type="button" class="menu-button" aria-expanded=${isOpen} aria-controls="menu" onClick=${() => setOpen(!isOpen)}>${isOpen ? 'Close' : 'Menu'}</button>
      <nav class="menu" id="menu" aria-label="Pages">${PAGES.map((one) => html`<a href=${hrefOf(one.path)} aria-current=${one.path === path ? 'page' : undefined} onClick=${() => setOpen(false)}>${one.title}</a>`)}</nav>
      <div class="side-end">
        <div class="state" role="status"><span class=${`dot ${tone}`}></span><span>${words}</span></div>
        <div class="row"><a href="docs">API</a><button type="button" class="quiet small" onClick=${onLogOut}>Log out</button></div>
      </div>
    </div>
    <main class="page" id="main" tabindex="-1" ref=${main}>
      ${warning !== null && html`<p class=${`banner ${tone}`} role="alert">${warning}</p>`}
      ${page === undefined ? html`<${Fault} error=${new Refusal(404, { detail: `There is no page ${JSON.stringify(path)}.`, remedy: 'The menu has all there are.' })} />` : html`<${Place} page=${page} parameters=${parameters} />`}
    </main>
    <${AskDialog} /><${Notice} />
  </div>`;
}

function App() {
  const [session, setSession] = useState('unknown');
  const [error, setError] = useState(null);
  const check = useCallback(async () => {
    setError(null);
    try {
      await call('GET', 'v1/settings');
      setSession('in');
    } catch (refusal) {
      // A 401 has said so already, by the listener below.
      if (refusal.status !== 401) {
        setError(refusal);
      }
    }
  }, []);
  useEffect(() => {
    onLoggedOut(() => setSession('out'));
    void check();
  }, []);
  if (session === 'in') {
    return html`<${Frame} onLogOut=${() => void call('DELETE', 'dashboard/session').then(() => setSession('out'), () => location.reload())} />`;
  }
  if (session === 'out') {
    return html`<${Login} onDone=${() => setSession('in')} />`;
  }
  return error === null ? html`<p class="starting">Jongleur</p>` : html`<main class="login"><${Fault} error=${error} again=${check} /></main>`;
}

// The page that the address names is on its way while the session is asked about.
PAGES.find(({ path }) => path === readRoute().path)?.load().catch(() => undefined);
const place = document.getElementById('app');
place.replaceChildren();
render(html`<${App} />`, place);
