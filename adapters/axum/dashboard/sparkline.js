// A small chart: a line over the last minutes, with holes for unknown values.

import { drawn } from './dom.js';

const WIDTH = 240;
const HEIGHT = 40;

/** Splits `points` at unknown values, and scales them to a box of `width` × `height`. */
export function strokes(points, from, to, most, width = WIDTH, height = HEIGHT) {
  const made = [];
  let stroke = null;
  for (const { at, value } of points) {
    if (value === null) {
      stroke = null;
      continue;
    }
    const x = ((at - from) / (to - from)) * width;
    const y = height - (most > 0 ? value / most : 0) * height;
    const point = `${x.toFixed(1)} ${y.toFixed(1)}`;
    if (stroke) stroke.push(point);
    else made.push((stroke = [point]));
  }
  return made;
}

/** Strokes as the path of a line. A single point is a dot. */
export function linePath(made) {
  return made.map((stroke) => `M${stroke.length === 1 ? `${stroke[0]}L${stroke[0]}` : stroke.join('L')}`).join('');
}

/** Strokes as the path of the area below. */
export function areaPath(made, height = HEIGHT) {
  const down = (point) => `${point.split(' ')[0]} ${height}`;
  return made
    .filter((stroke) => stroke.length > 1)
    .map((stroke) => `M${down(stroke[0])}L${stroke.join('L')}L${down(stroke.at(-1))}Z`)
    .join('');
}

export class Sparkline {
  #paths;

  constructor() {
    this.svg = drawn('svg', 'spark');
    this.svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    this.svg.setAttribute('preserveAspectRatio', 'none');
    // The text beside it has the same content.
    this.svg.setAttribute('aria-hidden', 'true');
    const floor = drawn('path', 'floor');
    floor.setAttribute('d', `M0 ${HEIGHT}H${WIDTH}`);
    this.#paths = { area: drawn('path', 'area'), second: drawn('path', 'second'), line: drawn('path', 'stroke') };
    this.svg.append(floor, ...Object.values(this.#paths));
  }

  /** Draws the values between `from` and `to`; `least` is the minimum range of the value axis. */
  draw(points, second, from, to, least) {
    const values = [...points, ...second].map(({ value }) => value ?? 0);
    const most = Math.max(least, ...values);
    const made = strokes(points, from, to, most);
    this.#paths.area.setAttribute('d', areaPath(made));
    this.#paths.line.setAttribute('d', linePath(made));
    this.#paths.second.setAttribute('d', linePath(strokes(second, from, to, most)));
  }
}
