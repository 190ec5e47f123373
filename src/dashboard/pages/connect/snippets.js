/**
 * What a shop's programmers copy: an event sent, a list asked for, and a click sent back with the list it came of. Each runs as it is once the whole key stands in it; a test runs them.
 */

const curl = ({ url, key }) => `URL='${url}'
KEY='${key}'

# 1. Tell what a shopper did.
curl -sS -X POST "$URL/v1/events" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
  -d '{"userId":"user-1","itemId":"item-1","type":"view"}'

# 2. Ask what to show them.
LIST=$(curl -sS "$URL/v1/users/user-1/recommendations?limit=5" -H "Authorization: Bearer $KEY")
echo "$LIST"

# 3. They click the first item: say which list it was in, and at which place.
ID=$(echo "$LIST" | grep -o '"recommendationId":"[^"]*"' | cut -d'"' -f4)
ITEM=$(echo "$LIST" | grep -o '"itemId":"[^"]*"' | head -n 1 | cut -d'"' -f4)
curl -sS -X POST "$URL/v1/events" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
  -d "{\\"userId\\":\\"user-1\\",\\"itemId\\":\\"$ITEM\\",\\"type\\":\\"view\\",\\"recommendationId\\":\\"$ID\\",\\"position\\":1}"
`;

const node = ({ url, key }) => `const url = '${url}';
const key = '${key}';

async function jongleur(method, path, body) {
  const answer = await fetch(url + path, {
    method, body: JSON.stringify(body), signal: AbortSignal.timeout(2000),
    headers: { Authorization: \`Bearer \${key}\`, ...(body && { 'Content-Type': 'application/json' }) },
  });
  if (!answer.ok) throw new Error(\`\${answer.status}: \${await answer.text()}\`);
  return await answer.json();
}

// 1. Tell what a shopper did.
await jongleur('POST', '/v1/events', { userId: 'user-1', itemId: 'item-1', type: 'view' });

// 2. Ask what to show them.
const { recommendationId, items } = await jongleur('GET', '/v1/users/user-1/recommendations?limit=5&fields=title,url');
console.log(items);

// 3. They click the first item: say which list it was in, and at which place.
if (items.length > 0) {
  await jongleur('POST', '/v1/events', { userId: 'user-1', itemId: items[0].itemId, type: 'view', recommendationId, position: 1 });
}
`;

const browser = ({ url, key }) => `const url = '${url}';
const key = '${key}';   // a publishable key: it may be seen by everybody

async function jongleur(method, path, body, token) {
  const answer = await fetch(url + path, {
    method, body: JSON.stringify(body),
    headers: { Authorization: \`Bearer \${key}\`, ...(token && { 'X-Shopper-Token': token }), ...(body && { 'Content-Type': 'application/json' }) },
  });
  if (!answer.ok) throw new Error(\`\${answer.status}: \${await answer.text()}\`);
  return await answer.json();
}

// Who it is. For a guest the page asks; for somebody who has logged in, your server does (POST /v1/tokens).
const known = localStorage.getItem('jongleur');
const { userId, token } = known === null ? await jongleur('POST', '/v1/sessions') : JSON.parse(known);
localStorage.setItem('jongleur', JSON.stringify({ userId, token }));

// 1. Tell what they did. The item must be known here: from your catalogue, an import, or an event of your server's.
await jongleur('POST', '/v1/events', { userId, itemId: 'item-1', type: 'view' }, token);

// 2. Ask what to show them.
const { recommendationId, items } = await jongleur('GET', \`/v1/users/\${encodeURIComponent(userId)}/recommendations?limit=5&fields=title,url,imageUrl\`, undefined, token);
console.log(items);

// 3. They click the first item: say which list it was in, and at which place.
if (items.length > 0) {
  await jongleur('POST', '/v1/events', { userId, itemId: items[0].itemId, type: 'view', recommendationId, position: 1 }, token);
}
`;

const php = ({ url, key }) => `<?php
const URL = '${url}';
const KEY = '${key}';

function jongleur(string $method, string $path, ?array $body = null): array {
  $headers = ['Authorization: Bearer ' . KEY, 'Content-Type: application/json'];
  $http = ['method' => $method, 'header' => $headers, 'timeout' => 2, 'content' => $body === null ? '' : json_encode($body)];
  return json_decode(file_get_contents(URL . $path, false, stream_context_create(['http' => $http])), true);
}

// 1. Tell what a shopper did.
jongleur('POST', '/v1/events', ['userId' => 'user-1', 'itemId' => 'item-1', 'type' => 'view']);

// 2. Ask what to show them.
$list = jongleur('GET', '/v1/users/user-1/recommendations?limit=5&fields=title,url');
print_r($list['items']);

// 3. They click the first item: say which list it was in, and at which place.
if ($list['items'] !== []) {
  jongleur('POST', '/v1/events', ['userId' => 'user-1', 'itemId' => $list['items'][0]['itemId'], 'type' => 'view',
    'recommendationId' => $list['recommendationId'], 'position' => 1]);
}
`;

const python = ({ url, key }) => `import json
from urllib.request import Request, urlopen

URL = '${url}'
KEY = '${key}'


def jongleur(method, path, body=None):
    request = Request(URL + path, method=method, headers={'Authorization': f'Bearer {KEY}'})
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header('Content-Type', 'application/json')
    with urlopen(request, timeout=2) as answer:
        return json.load(answer)


# 1. Tell what a shopper did.
jongleur('POST', '/v1/events', {'userId': 'user-1', 'itemId': 'item-1', 'type': 'view'})

# 2. Ask what to show them.
shown = jongleur('GET', '/v1/users/user-1/recommendations?limit=5&fields=title,url')
print(shown['items'])

# 3. They click the first item: say which list it was in, and at which place.
if shown['items']:
    jongleur('POST', '/v1/events', {'userId': 'user-1', 'itemId': shown['items'][0]['itemId'], 'type': 'view',
                                    'recommendationId': shown['recommendationId'], 'position': 1})
`;

/** `role`: of the key that it is written for. `write`: from `{ url, key }`, the address without a slash at its end. */
export const SNIPPETS = [
  { name: 'curl', title: 'curl', role: 'secret', write: curl },
  { name: 'browser', title: 'Web page', role: 'publishable', write: browser },
  { name: 'node', title: 'Node', role: 'secret', write: node },
  { name: 'php', title: 'PHP', role: 'secret', write: php },
  { name: 'python', title: 'Python', role: 'secret', write: python },
];
