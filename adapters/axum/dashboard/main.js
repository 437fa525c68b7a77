// The dashboard: events go into the board and the stream, and the painter draws them.

import { Announcer } from './announce.js';
import { BoardView } from './board-view.js';
import { Board } from './board.js';
import { Latencies, ServerClock } from './clock.js';
import { DetailsView } from './details-view.js';
import { FilterView } from './filter-view.js';
import { Filter } from './filter.js';
import { plural } from './figures.js';
import { HealthView } from './health-view.js';
import { Health } from './health.js';
import { LinkView, noteOf } from './link-view.js';
import { Link } from './link.js';
import { Lines } from './lines.js';
import { Painter } from './painter.js';
import { Poller } from './poller.js';
import { Server } from './server.js';
import { Silence } from './silence.js';
import { StreamView } from './stream-view.js';
import { setText, show } from './dom.js';

const at = (id) => document.getElementById(id);
const now = () => performance.now();

const server = new Server();
const clock = new ServerClock();
const serverNow = () => Date.now() + clock.offset;
const [board, lines, health, latencies, announcer, silence, painter] = [
  new Board(), new Lines(), new Health(), new Latencies(), new Announcer(), new Silence(), new Painter(),
];
let filter = Filter.fromHash(location.hash);
let pace = null;
/** The start of this connection, by the server's clock. Earlier updates do not count for the latency. */
let connected = Infinity;
let held = 0;
/** Whether the retained values of the connection have been displayed. */
let live = false;
/** The time of the latest update: a gap after it is not older. */
let newest = 0;

const linkView = new LinkView(at('link'));
const boardView = new BoardView({ list: at('cards'), rest: at('rest'), tally: at('tally') });
const healthView = new HealthView(at('tiles'));
const details = new DetailsView(at('details'));
const streamView = new StreamView({
  box: at('lines'),
  follow: at('follow'),
  open: ({ update }) => details.open(update),
  changed: () => painter.changed('stream'),
});
const filterView = new FilterView({
  box: at('categories'),
  only: at('only'),
  find: at('find'),
  filter: () => filter,
  changed: filterChanged,
});

// Parts that change constantly are drawn at a limited rate.
painter.add('stream', 120, () => streamView.paint(lines, filter));
painter.add('board', 200, () => {
  boardView.paint(board, filter, now(), serverNow());
  show(at('nothing'), board.size === 0 && connected !== Infinity);
});
painter.add('health', 500, () => healthView.paint(health, pace, now()));

const link = new Link((lastId) => server.events(lastId), (url) => new EventSource(url), {
  set: (act, wait) => setTimeout(act, wait),
  clear: (timer) => clearTimeout(timer),
}, {
  changed(state) {
    linkView.changed(state, now());
    linkView.paint(now());
    announceLink();
    // The browser does not report why it gave up. A restarting server may need a moment.
    if (state.wait > 0 && (connected === Infinity || state.attempts > 2)) explain();
  },
  began(beginning) {
    linkView.began(beginning, now());
    connected = serverNow();
    silence.heard(now());
    live = beginning === 'resumed';
    if (beginning === 'restarted' || beginning === 'lost') board.clear();
    const note = noteOf(beginning);
    if (note) lines.note(note, serverNow());
    show(at('token-form'), false);
    painter.changed('stream');
    painter.changed('board');
  },
  updates(updates, retained) {
    silence.heard(now());
    for (const update of updates) take(update, retained);
    if (retained && !live && updates.length > 0) {
      lines.note('Live from here: above is what stood already', serverNow());
    }
    live = true;
    painter.changed('stream');
    painter.changed('board');
  },
  gap(gap) {
    lines.gap(gap, Math.max(serverNow(), newest));
    painter.changed('stream');
  },
  unreadable({ message }) {
    lines.note(`An event of the server was left out, as it makes no sense: ${message}`, serverNow());
    painter.changed('stream');
  },
});

function take(update, retained) {
  const age = Math.max(serverNow() - update.at, 0);
  // Retained values are older than the connection.
  board.take(update, retained && age > 0 ? now() - age : now(), { retained });
  lines.update(update, { retained });
  filterView.know(update.category);
  newest = Math.max(newest, update.at || 0);
  if (!retained) clock.hear(update.at, Date.now());
  if (!retained && update.at >= connected) latencies.add(serverNow() - update.at);
  if (painter.paused) held += 1;
}

function filterChanged() {
  history.replaceState(null, '', filter.toHash() || location.pathname + location.search);
  showFilter();
}

function showFilter() {
  filterView.paint(filter);
  streamView.clear();
  painter.all();
}

function announceLink() {
  const [kind, words] = linkView.read(now());
  if (kind !== 'connecting') announcer.link(words);
}

async function explain() {
  const why = await server.whyRefused();
  if (why === null) return;
  const needed = why.status === 401;
  linkView.refused(needed ? 'A token is needed' : `Refused: ${why.detail}`);
  show(at('token-form'), needed);
  setText(at('token-detail'), needed && server.hasToken ? why.detail : '');
  linkView.paint(now());
}

new Poller(async (signal) => {
  const asked = Date.now();
  try {
    const answer = await server.health(signal);
    clock.take(asked, answer.now_ms, Date.now());
    const told = latencies.take();
    health.take(answer, told, now());
    painter.changed('health');
    pace = told ?? pace;
    if (silence.isDead(answer.ledger.delivered, now())) {
      silence.heard(now());
      link.connect();
    }
    filterView.order(answer.categories);
    filterView.paint(filter);
  } catch {
    // The connection shows that the server is unreachable, and the figures show their age.
  }
});

// Changes over time: ages, ended values, the duration of a reconnection.
setInterval(() => {
  board.settle(now());
  for (const [name, state] of board.takeEnded()) announcer.ended(name, state);
  const said = announcer.take(now());
  if (said) setText(at('announcement'), said);
  showTitle();
  if (document.hidden) return;
  setText(at('pause'), painter.paused ? `Go on (${plural(held, 'update')})` : 'Pause');
  painter.changed('board');
  painter.changed('health');
  linkView.paint(now());
}, 1_000);

function showTitle() {
  const { active, failed } = board.tally();
  const sums = [failed > 0 && `${failed} failed`, active > 0 && `${active} active`].filter(Boolean);
  const title = sums.length > 0 ? `${sums.join(', ')} – statusbus` : 'statusbus';
  if (document.title !== title) document.title = title;
}

at('pause').addEventListener('click', () => {
  painter.paused = !painter.paused;
  held = 0;
  at('pause').setAttribute('aria-pressed', String(painter.paused));
  setText(at('pause'), painter.paused ? 'Go on' : 'Pause');
  if (!painter.paused) painter.all();
});

at('cards').addEventListener('click', (event) => {
  const card = event.target.closest('h3') && event.target.closest('li');
  if (!card) return;
  filter.conversation = filter.conversation === card.name ? undefined : card.name;
  filterChanged();
});

at('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  server.useToken(at('token').value.trim());
  at('token').value = '';
  link.connect();
});

// The fragment belongs to the filter.
document.addEventListener('click', (event) => {
  const part = event.target.closest?.('a[href^="#"]')?.getAttribute('href').slice(1);
  if (!part) return;
  event.preventDefault();
  at(part).focus({ preventScroll: true });
  at(part).scrollIntoView();
});

window.addEventListener('hashchange', () => {
  filter = Filter.fromHash(location.hash);
  showFilter();
});
window.addEventListener('online', () => link.nudge());
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  link.nudge();
  painter.all();
});

setText(at('host'), location.host);
setText(at('example'), `curl ${server.address('v1/status')} \\
  -H 'content-type: application/json' \\
  -d '{"conversation":"hello","category":"progress",
       "key":"first","text":"41 %"}'`);
filterView.paint(filter);
painter.all();
link.connect();
