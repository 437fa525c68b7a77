// The progress in an update: from its metadata, else from its text.

const NUMBER = String.raw`\d+(?:,\d{3})*(?:\.\d+)?`;
// A number that is not part of a word, a path, a version or another number.
const ALONE = String.raw`(?<![\w.,:/+-])`;
const APART = String.raw`(?![\w/%-]|[.,:]\w)`;
const PERCENTAGE = new RegExp(String.raw`(?<![\w.,/+-])(${NUMBER})\s?%(?!\w|\s*\d)`);
const COUNT = new RegExp(
  String.raw`${ALONE}(${NUMBER})(?:\s?/\s?|\s+of\s+)(${NUMBER})(?:\s?[kMGT]?i?B)?${APART}`,
);
const BAR = /\[[=#>.\s*_-]+\]|\|?[█▉▊▋▌▍▎▏░▒▓━╸╺─■□]{2,}[\s█▉▊▋▌▍▎▏░▒▓━╸╺─■□]*\|?/;
const DATE = /^(?:0?\d|1[0-2])\/(?:19|20)\d\d$/;

/** Longer texts are not searched for progress. */
const LONGEST = 512;

/**
 * The progress from 0 to 1, or null if the update has none.
 *
 * Metadata: `fraction` (0 to 1), `percent` or `percentage` (0 to 100), or `total` with `current`,
 * `done` or `completed`. Text, in category `progress`: the first percentage or `n/m`.
 *
 * @param {import('./wire.js').Update} update
 */
export function fractionOf(update) {
  return ofMetadata(update.metadata) ?? (update.category === 'progress' ? ofText(update.text) : null);
}

/**
 * A text without its key, its percentage and a bar of characters, for where these are displayed
 * separately; empty if nothing else is left.
 */
export function restOf(text, key) {
  const trimmed = text.trim();
  const behind = trimmed.startsWith(key) ? trimmed.slice(key.length) : trimmed;
  const rest = behind.replace(PERCENTAGE, ' ').replace(BAR, ' ').replace(/\s+/g, ' ').trim();
  return /[\p{L}\p{N}]/u.test(rest) ? rest.replace(/^[:,–-]\s*/, '') : '';
}

function ofMetadata(metadata) {
  if (!metadata) return null;
  const { fraction, percent, percentage, current, done, completed, total } = metadata;
  return (
    ratio(fraction, 1) ??
    ratio(percent ?? percentage, 100) ??
    ratio([current, done, completed].find((value) => typeof value === 'number'), total)
  );
}

/** The first percentage or `n/m` in a text, from 0 to 1; null without one. */
export function ofText(text) {
  if (text.length > LONGEST) return null;
  const percentage = PERCENTAGE.exec(text);
  if (percentage) return ratio(number(percentage[1]), 100);
  const count = COUNT.exec(text);
  if (!count || DATE.test(count[0])) return null;
  return ratio(number(count[1]), number(count[2]));
}

function number(digits) {
  return Number(digits.replaceAll(',', ''));
}

function ratio(part, whole) {
  if (typeof part !== 'number' || typeof whole !== 'number' || !(whole > 0)) return null;
  const fraction = part / whole;
  return fraction >= 0 && fraction <= 1 ? fraction : null;
}
