// The health of the bus as five tiles, each with the current value and a chart of the last two minutes.

import { element, setText, set } from './dom.js';
import { ago, because, count, latency, plural, short, span } from './figures.js';
import { lossesOf, lostOf } from './health.js';
import { Sparkline } from './sparkline.js';

/** Maximum span of the charts, and the minimum while the page is new, in milliseconds. */
const SPAN = 120_000;
const LEAST_SPAN = 30_000;

/** The content of each tile: number and unit, a note, and whether to alert. */
const TILES = [
  {
    title: 'Updates',
    series: 'rate',
    least: 10,
    of: (health) => ({
      figure: [shortOr(health.value('rate')), '/s'],
      note: `${count(health.newest.ledger.sent)} sent, ${count(health.newest.ledger.coalesced)} merged`,
    }),
  },
  {
    title: 'Queue',
    series: 'queued',
    second: 'peak',
    least: 10,
    of: (health) => {
      const { queued, peak, limit } = health.newest.queue;
      return {
        figure: [short(queued), 'waiting'],
        note: `peak ${short(peak)} of ${short(limit)}`,
        alarm: queued >= limit / 2,
      };
    },
  },
  {
    title: 'Latency',
    series: 'latency',
    least: 20,
    scale: latency,
    of: (health, pace) => {
      const [number, unit] = pace ? latency(pace.median).split(' ') : ['–', ''];
      return {
        figure: [number, unit],
        note: pace ? `99 %: ${latency(pace.high)} · sent → shown here` : 'sent → shown here',
      };
    },
  },
  {
    title: 'Lost',
    series: 'lost',
    least: 10,
    of: (health) => {
      const rate = health.value('lost');
      const why = because(lossesOf(health.newest));
      return {
        figure: [short(lostOf(health.newest)), ''],
        note: [rate > 0 && `${short(rate)} /s`, why].filter(Boolean).join(' · ') || 'nothing dropped, expired or refused',
        alarm: rate > 0,
      };
    },
  },
  {
    title: 'Readers',
    series: 'readers',
    least: 2,
    of: ({ newest }) => ({
      figure: [short(newest.readers), ''],
      note: [plural(newest.conversations, 'conversation'), newest.missed && `${short(newest.missed)} missed`,
        newest.panics && plural(newest.panics, 'panic')].filter(Boolean).join(' · '),
    }),
  },
];

export class HealthView {
  #tiles;

  constructor(root) {
    this.#tiles = TILES.map((tile) => {
      const figure = element('b', '', '–');
      const unit = element('span', 'unit');
      const note = element('p', 'note');
      const most = element('p', 'most');
      const chart = new Sparkline();
      const box = element('div', 'tile');
      const number = element('p', 'figure', figure, ' ', unit);
      box.append(element('div', 'head', element('h3', '', tile.title), most), number, chart.svg, note);
      root.append(box);
      return { ...tile, box, figure, unit, note, most, chart };
    });
  }

  /** @param {import('./health.js').Health} health */
  paint(health, pace, now) {
    if (!health.newest) return;
    const age = health.age(now);
    const shown = Math.min(Math.max(now - health.since, LEAST_SPAN), SPAN);
    const from = now - shown;
    for (const { of, series, second, least, scale, box, figure, unit, note, most, chart } of this.#tiles) {
      const told = of(health, pace);
      setText(figure, told.figure[0]);
      setText(unit, told.figure[1]);
      setText(note, told.note);
      set(note, 'title', told.note);
      set(box, 'data-alarm', told.alarm ? 'true' : null);
      const peak = health.most(second ?? series);
      const scaled = peak === null ? '' : `max ${scale ? scale(peak) : short(peak)} in ${span(shown)}`;
      setText(most, age === null ? scaled : `as of ${ago(age)}`);
      set(box, 'data-old', age === null ? null : 'true');
      const recent = (points) => points.filter(({ at }) => at >= from);
      chart.draw(recent(health.series[series]), second ? recent(health.series[second]) : [], from, now, least);
    }
  }
}

function shortOr(number) {
  return number === null ? '–' : short(number);
}
