/**
 * Every error code this service can answer, with its status and the way out. The page at /docs/errors is made from this table, and a code that is not here cannot be
 * answered. Codes are stable: clients may branch on them.
 */
export interface ProblemType {
  readonly status: number;
  readonly title: string;
  /** When it happens. */
  readonly when: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** With every 503. */
export const RETRY_AFTER_SECONDS = 2;

export const PROBLEMS = {
  'body-empty': { status: 400, title: 'The body is empty', when: 'A request that needs a JSON body came without one.', remedy: 'Send the body that the operation describes, with Content-Type: application/json.' },
  'item-unknown': { status: 400, title: 'There is no such item', when: 'An event sent with a shopper token names an item that nobody with a secret key has ever named.', remedy: 'Send the catalogue first (PUT /v1/items/{itemId}); a browser cannot bring new items.' },
  'origin-foreign': { status: 403, title: 'The page is not this server’s own', when: 'The dashboard’s login was called without an Origin header, or by a page of another origin.', remedy: 'Open /dashboard on this server; set PUBLIC_URL to where browsers reach it.' },
  'body-not-json': { status: 400, title: 'The body is not JSON', when: 'The body could not be parsed. NaN, Infinity, comments and trailing commas are not JSON.', remedy: 'Check the position the detail names; JSON.stringify and its like make valid JSON.' },
  'invalid-request': { status: 400, title: 'A field is wrong', when: 'A parameter or a field of the body is missing, misspelt or of the wrong kind. `errors` lists every one with its field.', remedy: 'Mend the named fields. Unknown fields are refused, so that a misspelt one is not silently ignored.' },
  'attribute-type': { status: 400, title: 'An attribute is of another type', when: 'An attribute of an item has the type of its first value, and came with another.', remedy: 'Send a value of the type that GET /v1/items/schema shows, or give the attribute another name.' },
  'invalid-filter': { status: 400, title: 'A filter or boost is wrong', when: 'It cannot be read, names a field that no item has, compares one by what is not of its type, or is beyond a limit. `position` counts its characters from 0; `reason` is too-long, too-deep, too-complex, syntax, unknown-field, operator or type.', remedy: 'Mend it at the position; docs/filters.md has the language, and GET /v1/items/schema the fields with their operators.' },
  'import-file': { status: 400, title: 'The file cannot be imported', when: 'It is not what it should be, or its columns cannot be told; the detail says where and what to do.', remedy: 'Mend the file or say what its columns are; dryRun=true shows how it would be taken.' },
  'scenario-unknown': { status: 400, title: 'There is no such scenario', when: 'The request names a scenario that does not exist.', remedy: 'GET /v1/scenarios lists them; PUT /v1/scenarios/{name} makes one.' },
  'cursor-invalid': { status: 400, title: 'The cursor is not one of ours', when: 'The cursor was not made by this service, or belongs to a request with other parameters.', remedy: 'Send the nextCursor of the page before with the same other parameters, or begin again without one.' },
  'cursor-stale': { status: 410, title: 'The list has changed', when: 'A new model went live, the shopper did something new, or a rotated list has turned since the page before.', remedy: 'Begin again without a cursor.' },
  'nothing-accepted': { status: 400, title: 'No event was accepted', when: 'Every event of the request was refused; `rejected` says why, element by element.', remedy: 'Mend the elements and send them again.' },
  'too-many-events': { status: 400, title: 'Too many events in one request', when: 'A JSON body had more than 1,000 events, or an NDJSON body more than 100,000 lines.', remedy: 'Send them in parts; for files use `jongleur import`.' },
  'key-missing': { status: 401, title: 'A key is needed', when: 'The request had no Authorization header, or not one of the form "Bearer KEY".', remedy: 'Send Authorization: Bearer KEY. `jongleur keys` shows the keys made at the first start.' },
  'key-unknown': { status: 401, title: 'The key is not known', when: 'The key was never made here, or it was revoked.', remedy: 'Check for a missing character; `jongleur keys` shows the keys made at the first start.' },
  'key-role': { status: 403, title: 'The key may not do this', when: 'A publishable key (pk_) may ask for similar items, sessions, trending and newest, and with a shopper token for what is that shopper’s; a secret key (sk_) all data and answers; an admin key (ak_) everything. With a shopper token, no key may do more than a shopper.', remedy: 'Send a key of the role that the detail names, from a server and never from a browser.' },
  'key-in-browser': { status: 403, title: 'This key must not be in a browser', when: 'A secret or admin key came with the Origin of a page that is not this server’s own. Whoever looks at that page can read the key.', remedy: 'Use a publishable key in pages, revoke this one (DELETE /v1/keys/{no}), and set PUBLIC_URL if the page is this server’s own.' },
  'token-missing': { status: 403, title: 'A shopper token is needed', when: 'A publishable key (pk_) alone asked for what is one shopper’s.', remedy: 'Send a shopper token in X-Shopper-Token: signed by your server, made by POST /v1/tokens, or for someone without a name by POST /v1/sessions. See docs/security.md.' },
  'token-invalid': { status: 401, title: 'The shopper token is not good', when: 'What came in X-Shopper-Token is no JWT of this service, is signed with a secret that is not live here, or says something that is not allowed; the detail says what.', remedy: 'Sign it with HS256, the kid and secret of POST /v1/token-secrets, and the claims sub, aud "jongleur", iat and exp (at most an hour later).' },
  'token-expired': { status: 401, title: 'The shopper token has expired', when: 'Its exp is past.', remedy: 'Get a new one and send the request again.' },
  'token-user': { status: 403, title: 'This is another shopper’s', when: 'The request names a user other than the shopper token’s sub. Whether there is such a user makes no difference.', remedy: 'Name the user of the token, or ask from a server with a secret key.' },
  'not-found': { status: 404, title: 'There is no such thing', when: 'The user, item, scenario, run, model or key in the path does not exist, or nothing can be said of it.', remedy: 'Check the id. Users and items come into being with their first event.' },
  'route-not-found': { status: 404, title: 'There is no such route', when: 'Method and path match no operation.', remedy: 'See /docs for all operations.' },
  'method-not-allowed': { status: 405, title: 'The method is another one', when: 'There is such a path, and the operation is not one of it. The header Allow lists those that are.', remedy: 'Use one of the methods in Allow; see /docs.' },
  'event-conflict': { status: 409, title: 'The event id is taken', when: 'An event with this id is stored for this user, with other content.', remedy: 'Events are never changed; send a new one under a new id.' },
  'training-running': { status: 409, title: 'A training run is under way', when: 'One run at a time, over all replicas.', remedy: 'Wait for it (GET /v1/training-runs) or cancel it (DELETE /v1/training-runs/{no}).' },
  'check-running': { status: 409, title: 'A check is under way', when: 'One check of the data at a time in a process.', remedy: 'Wait for it; GET /v1/data-quality has its report then.' },
  'run-not-running': { status: 409, title: 'The run has ended', when: 'Only a running training run can be cancelled.', remedy: 'GET /v1/training-runs/{no} shows how it ended.' },
  'model-live': { status: 409, title: 'This version is live already', when: 'The version that was to be made live answers already.', remedy: 'Nothing is left to do. GET /v1/models lists the others.' },
  'model-rejected': { status: 409, title: 'This version was rejected', when: 'Somebody refused the version, or newer ones took its place while it waited for approval: its bytes are gone.', remedy: 'Activate a retired version or a candidate (GET /v1/models), or train a new one.' },
  'model-pruned': { status: 409, title: 'This version is not kept any more', when: 'Its report is kept, its bytes are not: the setting keepVersions says how many versions stay.', remedy: 'Activate a version whose isKept is true (GET /v1/models), or train a new one; raise keepVersions for the future.' },
  'model-not-candidate': { status: 409, title: 'This version does not wait for approval', when: 'Only a candidate can be refused.', remedy: 'To leave a live version, activate another.' },
  'model-in-experiment': { status: 409, title: 'An experiment answers from this version', when: 'A candidate cannot be refused while shoppers of an experiment that is running have their lists from it.', remedy: 'Stop the experiment (POST /v1/experiments/{name}/stop), then refuse the version.' },
  'experiment-exists': { status: 409, title: 'There is such an experiment', when: 'An experiment of this name was started. A draft may be replaced; what has begun to measure may not.', remedy: 'Take another name; GET /v1/experiments lists those there are.' },
  'experiment-started': { status: 409, title: 'The experiment was started before', when: 'Only a draft can be started, and only a draft deleted. One that has ended does not begin again, since its shoppers have seen it, and stays, since lists and events name it.', remedy: 'To measure again make a new one of the same definition (POST /v1/experiments): it mixes shoppers anew.' },
  'experiment-not-running': { status: 409, title: 'The experiment is not running', when: 'Only a running experiment can be stopped, and only one that was started can be promoted.', remedy: 'GET /v1/experiments/{name} shows its state.' },
  'experiment-conflict': { status: 409, title: 'The lists are another experiment’s', when: 'A running experiment has the lists of this scenario, or all lists. A list is of one experiment at most.', remedy: 'Stop the other one first, or measure another scenario.' },
  'experiment-models': { status: 409, title: 'Too many models in memory', when: 'Running experiments would answer from more than two versions beside the live one.', remedy: 'Stop an experiment that answers from a version of its own.' },
  'experiment-promotion': { status: 409, title: 'The variant cannot be promoted', when: 'It is without recommendations, or its version is not kept any more, or the experiment is a guard, which decides by itself.', remedy: 'Stop the experiment; change the scenario or activate a version yourself.' },
  'import-running': { status: 409, title: 'The import is under way', when: 'Only an import that has ended can be undone.', remedy: 'Cancel it (POST /v1/imports/{no}/cancel), then delete it.' },
  'import-not-running': { status: 409, title: 'The import has ended', when: 'Only a running import can be cancelled.', remedy: 'GET /v1/imports/{no} shows how it ended; DELETE undoes it.' },
  'import-not-undoable': { status: 409, title: 'The import cannot be undone', when: 'Imports of items change what the catalogue said, which is not kept.', remedy: 'Import the former file again.' },
  'trainer-off': { status: 409, title: 'This process does not train', when: 'It was started with TRAINER=off.', remedy: 'Ask a process that trains, or run `jongleur train`.' },
  'too-many-token-secrets': { status: 409, title: 'There are two secrets already', when: 'Two secrets sign shopper tokens at most: one in use, one to change to.', remedy: 'Delete the one that is not used any more (GET and DELETE /v1/token-secrets), then make the new one.' },
  'last-admin-key': { status: 409, title: 'This is the key you are using', when: 'A key cannot revoke itself: nobody might be left to make a new one.', remedy: 'Revoke it with another admin key.' },
  'body-too-large': { status: 413, title: 'The body is too large', when: 'A JSON body has more than 1 MiB, a line of NDJSON more than 64 KiB, or a streamed body unpacks to more than its limit.', remedy: 'Send fewer events at a time; for files use `jongleur import`.' },
  'body-damaged': { status: 400, title: 'The body is damaged', when: 'It was announced as gzip and cannot be unpacked, or ends before its end.', remedy: 'Pack it again, or send it plain. Events with an eventId that were stored before are recognised.' },
  'path-too-long': { status: 414, title: 'The path is too long', when: 'A part of the path has more than 256 characters.', remedy: 'Ids have at most 256 characters.' },
  'media-type': { status: 415, title: 'The media type is not supported', when: 'The body came with a Content-Type or Content-Encoding that the operation does not take.', remedy: 'Send Content-Type: application/json, or one of those the operation lists.' },
  'headers-too-large': { status: 431, title: 'The headers are too large', when: 'URL and headers have more than 16 KiB together.', remedy: 'Shorten the URL; long parameters belong into a body.' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive', when: 'Headers and body did not arrive within the time allowed.', remedy: 'Send it again over a better connection.' },
  internal: { status: 500, title: 'Something went wrong here', when: 'A fault of this service; its log has the details under the request id.', remedy: 'Send the request again; if it stays, report it with the request id.' },
  'ingest-overloaded': { status: 503, title: 'Too many events are waiting', when: 'More requests wait to be stored than may.', remedy: 'Nothing of this request was stored: send it again after the seconds in Retry-After.' },
  'imports-busy': { status: 429, title: 'Too many imports at once', when: 'As many imports run in this process as may.', remedy: 'Send the file again after the seconds in Retry-After, or when one of them has ended (GET /v1/imports).' },
  'too-many-followers': { status: 429, title: 'Too many follow training runs', when: 'So many streams of progress are open in this process that no more can be.', remedy: 'Close some, try again after the seconds in Retry-After, or ask GET /v1/training-runs/{no} now and then.' },
  'commit-unknown': { status: 503, title: 'It is not known whether the events are stored', when: 'The connection to Postgres was lost at COMMIT, and Postgres has not come back to say how that ended.', remedy: 'Send them again with the same eventId: each is stored once. `items` has the ids, also of events that came without.' },
  'database-unavailable': { status: 503, title: 'The database cannot be reached', when: 'Postgres is away or did not answer in time.', remedy: 'Send it again after the seconds in Retry-After. An event with an eventId can be sent again safely: it is stored once.' },
  'database-full': { status: 503, title: 'The database has no room left', when: 'The disk of Postgres is full. Nothing of this request was stored; what was acknowledged stays.', remedy: 'Make room on the disk of Postgres, then send it again.' },
  'rate-limited': { status: 429, title: 'Too many requests', when: 'An address without a secret key (IP_RATE_LIMIT), or a key (KEY_RATE_LIMIT), has asked more often within a minute than it may; or a shopper token has sent more events within an hour (SHOPPER_EVENT_LIMIT).', remedy: 'Wait for the seconds in Retry-After. RateLimit says how many more may come; behind a proxy, TRUST_PROXY must name it.' },
  'insights-pending': { status: 503, title: 'The events are being counted', when: 'Somebody asks for insights for the first time, or there are so many events that counting them takes longer than an answer may.', remedy: 'Ask again after the seconds in Retry-After: counting goes on meanwhile.' },
  overloaded: { status: 503, title: 'There is too much to do', when: 'The process cannot keep up. Imports and training are refused first, answers last.', remedy: 'Send it again after the seconds in Retry-After.' },
  starting: { status: 503, title: 'The service is starting', when: 'It is still connecting, migrating or loading its model.', remedy: 'Send it again after the seconds in Retry-After; /health/ready tells when.' },
} as const satisfies Record<string, ProblemType>;

export type ProblemCode = keyof typeof PROBLEMS;

/** An error that is meant for the caller. Thrown by routes; `errors.ts` turns it into the answer. */
export class Problem extends Error {
  readonly code: ProblemCode;
  /** More fields of the answer; a `remedy` among them stands in place of the code's. */
  readonly extra: Readonly<Record<string, unknown>>;
  constructor(code: ProblemCode, detail: string, extra: Readonly<Record<string, unknown>> = {}) {
    super(detail);
    this.name = 'Problem';
    this.code = code;
    this.extra = extra;
  }
}
