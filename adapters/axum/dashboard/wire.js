// Parses the events of `GET /v1/events`: the result has the right shape, or an error names the fault.

/** An event that violates the format. */
export class WireError extends Error {
  name = 'WireError';
}

/**
 * A parsed update.
 *
 * @typedef {object} Update
 * @property {number} seq position on the bus
 * @property {?string} conversation null: the system
 * @property {string} category
 * @property {string} text
 * @property {?object} metadata
 * @property {?string} key identifies a current value
 * @property {'low'|'normal'|'high'} priority
 * @property {number} at when it was sent, in milliseconds of the server's clock; NaN: unknown
 */

const PRIORITIES = ['low', 'normal', 'high'];

/** `{epoch}-{seq}` → both, or null if it is invalid. */
export function readId(id) {
  const match = /^([0-9a-f]{16})-(\d{1,16})$/.exec(id ?? '');
  const seq = match ? Number(match[2]) : NaN;
  return Number.isSafeInteger(seq) ? { epoch: match[1], seq } : null;
}

/** The data of `ready` → `{epoch, recovered}`. */
export function readReady(data) {
  const { epoch, recovered } = object(json(data), 'ready');
  if (typeof epoch !== 'string' || typeof recovered !== 'boolean') {
    throw new WireError('ready: epoch has to be text and recovered true or false');
  }
  return { epoch, recovered };
}

/** The data of `status` → updates. */
export function readStatus(data) {
  const updates = json(data);
  if (!Array.isArray(updates)) throw new WireError('status: has to be an array of updates');
  return updates.map(readUpdate);
}

/** The data of `gap` → `{count, reasons: [[reason, count], …], scope}`. */
export function readGap(data) {
  const { count, reasons, scope } = object(json(data), 'gap');
  if (!isCount(count)) throw new WireError('gap: count has to be a whole number');
  const counted = Object.entries(object(reasons ?? {}, 'gap: reasons'));
  return {
    count,
    reasons: counted.filter(([, number]) => isCount(number) && number > 0),
    scope: typeof scope === 'string' ? scope : 'bus',
  };
}

/** @returns {Update} */
function readUpdate(raw) {
  const { seq, conversation, category, text, metadata, key, priority, at } = object(raw, 'update');
  if (!isCount(seq)) throw new WireError('update: seq has to be a whole number');
  if (typeof category !== 'string') throw new WireError('update: category has to be text');
  if (typeof text !== 'string') throw new WireError('update: text has to be text');
  return {
    seq,
    conversation: optional(conversation, 'conversation'),
    category,
    text,
    metadata: metadata == null ? null : object(metadata, 'update: metadata'),
    key: optional(key, 'key'),
    priority: PRIORITIES.includes(priority) ? priority : 'normal',
    at: typeof at === 'string' ? Date.parse(at) : NaN,
  };
}

function json(data) {
  try {
    return JSON.parse(data);
  } catch (error) {
    throw new WireError(`not JSON: ${error.message}`);
  }
}

function object(value, what) {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new WireError(`${what}: has to be an object`);
}

function optional(value, what) {
  if (value == null) return null;
  if (typeof value === 'string') return value;
  throw new WireError(`update: ${what} has to be text or null`);
}

function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}
