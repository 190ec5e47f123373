/**
 * The dashboard. What it shows comes from the public API, with the session's cookie in the place of a key; text goes into the page as text, never as HTML. Paths are relative, as a proxy may put
 * a path before them.
 */

const at = (id) => document.getElementById(id);

function tell(message) {
  at('fault').textContent = message;
  at('fault').hidden = message === '';
}

/** @returns the answer's JSON, or null where there is none. @throws Error in the service's own words, with its `status` */
async function call(method, path, body) {
  const answer = await fetch(path, { method, credentials: 'same-origin', ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) });
  const json = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) {
    throw Object.assign(new Error(`${json.detail} ${json.remedy}`), { status: answer.status });
  }
  return json;
}

function cell(row, text, className = '') {
  const made = row.insertCell();
  made.textContent = text;
  made.className = className;
  return made;
}

const day = (time) => (time === null ? '–' : new Date(time).toLocaleString());

function button(text, work) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.addEventListener('click', () => attempt(work));
  return made;
}

/** What was made is shown once: it is nowhere else. */
function showOnce(title, text) {
  const [heading, code] = at('shown').children;
  heading.textContent = title;
  code.textContent = text;
  at('shown').hidden = false;
}

async function showKeys() {
  const { items } = await call('GET', 'v1/keys');
  at('keys').replaceChildren();
  for (const key of items) {
    const row = at('keys').insertRow();
    row.className = key.revokedAt === null ? '' : 'revoked';
    cell(row, key.no);
    cell(row, key.role);
    cell(row, key.name);
    cell(row, `${key.hint}…`);
    cell(row, day(key.createdAt));
    cell(row, day(key.lastUsedAt));
    const last = cell(row, key.revokedAt === null ? '' : `revoked ${day(key.revokedAt)}`);
    if (key.revokedAt === null) {
      last.append(button('Revoke', async () => {
        if (confirm(`Revoke key ${key.no} (${key.name})? It opens nothing from then on.`)) {
          await call('DELETE', `v1/keys/${key.no}`);
          await showKeys();
        }
      }));
      if (key.refusedOrigin !== null) {
        const warning = document.createElement('div');
        warning.className = 'warn';
        warning.textContent = `Sent by a page of ${key.refusedOrigin} on ${day(key.refusedAt)}: revoke it.`;
        last.append(warning);
      }
    }
  }
}

async function showSecrets() {
  const { items } = await call('GET', 'v1/token-secrets');
  at('secrets').replaceChildren();
  for (const { kid, createdAt, lastUsedAt } of items) {
    const row = at('secrets').insertRow();
    cell(row, kid);
    cell(row, day(createdAt));
    cell(row, day(lastUsedAt));
    cell(row, '').append(button('Delete', async () => {
      if (confirm(`Delete ${kid}? Tokens signed with it are good for nothing from then on.`)) {
        await call('DELETE', `v1/token-secrets/${encodeURIComponent(kid)}`);
        await showSecrets();
      }
    }));
  }
}

async function show() {
  const { version } = await call('GET', 'health/live');
  const ready = await (await fetch('health/ready')).json();
  at('state').textContent = `${version} · ${ready.status} · database ${ready.database} · ${ready.modelVersion === null ? 'no model yet' : `model ${ready.modelVersion}`}`;
  await showKeys();
  await showSecrets();
  setInside(true);
}

function setInside(inside) {
  at('inside').hidden = !inside;
  at('logout').hidden = !inside;
  at('login').hidden = inside;
  if (!inside) {
    at('shown').hidden = true;
    at('keys').replaceChildren();
    at('secrets').replaceChildren();
  }
}

async function attempt(work) {
  tell('');
  try {
    await work();
  } catch (error) {
    if (error.status === 401) {
      setInside(false);
    }
    tell(error.message);
  }
}

at('login').addEventListener('submit', (event) => {
  event.preventDefault();
  const key = at('key').value.trim();
  at('key').value = '';
  void attempt(async () => {
    await call('POST', 'dashboard/session', { key });
    await show();
  });
});
at('logout').addEventListener('click', () => attempt(async () => {
  await call('DELETE', 'dashboard/session');
  setInside(false);
}));
at('make-key').addEventListener('submit', (event) => {
  event.preventDefault();
  void attempt(async () => {
    const { key, no } = await call('POST', 'v1/keys', { role: at('role').value, name: at('name').value });
    at('name').value = '';
    showOnce(`Key ${no}, shown this once:`, key);
    await showKeys();
  });
});
at('make-secret').addEventListener('click', () => attempt(async () => {
  const { kid, secret } = await call('POST', 'v1/token-secrets');
  showOnce(`Secret of ${kid}, shown this once:`, secret);
  await showSecrets();
}));

try {
  await show();
} catch (error) {
  setInside(false);
  if (error.status !== 401) {
    tell(error.message);
  }
}
