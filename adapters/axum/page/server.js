// Where the server's answers are, and how to ask for them.

const KEY = 'statusbus-token';

/** Where the router is nested: above this file. */
const ROOT = new URL('..', import.meta.url);

export class Server {
  #token;

  constructor() {
    const fields = new URLSearchParams(location.search);
    const given = fields.get('access_token') ?? fields.get('token');
    this.#token = given ?? stored((storage) => storage.getItem(KEY));
    if (given === null) return;
    // A token in the address would be in the history, and on the wall.
    this.useToken(given);
    fields.delete('access_token');
    fields.delete('token');
    const rest = fields.toString();
    history.replaceState(null, '', location.pathname + (rest && `?${rest}`) + location.hash);
  }

  /** From now on it is asked with this token, until the tab is closed. */
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

  /** The address of the stream. `EventSource` sends no headers: the token has to be in it. */
  events(lastId) {
    const fields = new URLSearchParams();
    if (lastId !== null) fields.set('last_event_id', lastId);
    if (this.#token) fields.set('access_token', this.#token);
    const address = this.address('v1/events');
    address.search = fields.toString();
    return address.href;
  }

  /** Why the stream is refused, which `EventSource` does not tell: `{status, detail}`, or null if it is not. */
  async whyRefused() {
    const gone = new AbortController();
    try {
      // A stream that is opened to be closed costs the server something: only where all else is well.
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
      // The server is away: that is another matter.
      return null;
    } finally {
      gone.abort();
    }
  }

  /** The health of the bus. Throws what `fetch` throws, and when it is refused. */
  async health(signal) {
    const answer = await fetch(this.address('v1/health'), { headers: this.#headers(), signal, cache: 'no-store' });
    if (!answer.ok) throw new Error(`health: ${answer.status}`);
    return answer.json();
  }

  #headers() {
    return this.#token ? { authorization: `Bearer ${this.#token}` } : {};
  }
}

/** Storage may be switched off: then the token holds until the page is left. */
function stored(act) {
  try {
    return act(sessionStorage);
  } catch {
    return null;
  }
}
