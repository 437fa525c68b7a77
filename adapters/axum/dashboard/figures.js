// Numbers, spans and times for people.

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** `1,234,567` */
export function count(number) {
  return WHOLE.format(number);
}

/** `0`, `0.4`, `12`, `1,234`, `12.3k`, `4.5M`: at most six characters. */
export function short(number) {
  if (number > 0 && number < 9.95) return String(Number(number.toFixed(1)));
  if (number < 9_999.5) return WHOLE.format(number);
  if (number < 999_500) return `${scaled(number / 1e3)}k`;
  if (number < 999.5e6) return `${scaled(number / 1e6)}M`;
  return `${scaled(number / 1e9)}G`;
}

/** `<1 ms`, `12 ms`, `1.2 s`, `3 min`. The clocks have milliseconds, so nothing is smaller. */
export function latency(milliseconds) {
  if (milliseconds < 1) return '<1 ms';
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${Number((milliseconds / 1000).toFixed(1))} s`;
  return span(milliseconds);
}

/** `now`, `12 s`, `3 min`, `2 h`, `5 d`: an age. */
export function span(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  if (!(seconds > 0)) return 'now';
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `now`, `12 s ago`. */
export function ago(milliseconds) {
  const text = span(milliseconds);
  return text === 'now' ? text : `${text} ago`;
}

/** `14:05:09.123`, local time; without milliseconds in narrow layouts. */
export function time(at) {
  if (!Number.isFinite(at)) return '--:--:--';
  const date = new Date(at);
  const two = (number) => String(number).padStart(2, '0');
  const thousandths = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${thousandths}`;
}

/** `41 %`: rounded down, so that only a finished value is 100 %. */
export function percent(fraction) {
  return `${Math.floor(fraction * 100 + 1e-9)} %`;
}

/** `1 update`, `2 updates`. */
export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** `evicted 12, too large 3` */
export function because(reasons) {
  return reasons.map(([reason, number]) => `${reason.replaceAll('_', ' ')} ${count(number)}`).join(', ');
}

function scaled(number) {
  return number < 99.95 ? String(Number(number.toFixed(1))) : WHOLE.format(number);
}
