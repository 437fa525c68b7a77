// The addresses of the server, and requests to it.

const KEY = 'statusbus-token';

/** The path at which the router is nested: above this file. */
const ROOT = new URL('..', import.meta.url);

export class Server {
  #token;

  constructor() {
    const fields = new URLSearchParams(location.search);
    const given = fields.get('access_token') ?? fields.get('token');
    this.#token = given ?? stored((storage) => storage.getItem(KEY));
    if (given === null) return;
    // A token in the address would be visible, and stored in the history.
    this.useToken(given);
    fields.delete('access_token');
    fields.delete('token');
    const rest = fields.toString();
    history.replaceState(null, '', location.pathname + (rest && `?${rest}`) + location.hash);
  }

  /** Uses this token for requests until the tab is closed. */
  useToken(token) {
    this.#token = token;
    stored((storage) => storage.setItem(KEY, token));
  }

  get hasToken() {
    return Boolean(this.#token);
  }

  /** An address of this server, as a `URL`. */
  address(path) {
    return new URL(path, ROOT);
  }

  /** The address of the stream. It contains the token, because `EventSource` sends no headers. */
  events(lastId) {
    const fields = new URLSearchParams();
    if (lastId !== null) fields.set('last_event_id', lastId);
    if (this.#token) fields.set('access_token', this.#token);
    const address = this.address('v1/events');
    address.search = fields.toString();
    return address.href;
  }

  /** The error of the stream, which `EventSource` does not expose: `{status, detail}`, or null. */
  async whyRefused() {
    const gone = new AbortController();
    try {
      // Opening a stream only to close it has a cost, so this is the last check.
      for (const path of ['v1/health', 'v1/events']) {
        const options = { headers: this.#headers(), signal: gone.signal };
        const answer = await fetch(this.address(path), options);
        if (answer.status === 401 || answer.status === 403) {
          const problem = await answer.json().catch(() => ({}));
          return { status: answer.status, detail: String(problem.detail ?? answer.statusText) };
        }
        if (!answer.ok) return null;
      }
      return null;
    } catch {
      // The server is unreachable, which the link reports.
      return null;
    } finally {
      gone.abort();
    }
  }

  /** The health of the bus. Throws the errors of `fetch`, and on a refusal. */
  async health(signal) {
    const answer = await fetch(this.address('v1/health'), { headers: this.#headers(), signal, cache: 'no-store' });
    if (!answer.ok) throw new Error(`health: ${answer.status}`);
    return answer.json();
  }

  #headers() {
    return this.#token ? { authorization: `Bearer ${this.#token}` } : {};
  }
}

/** Storage may be disabled: the token is then lost with the page. */
function stored(act) {
  try {
    return act(sessionStorage);
  } catch {
    return null;
  }
}
