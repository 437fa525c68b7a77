// The few things that the views do with elements. Text only ever goes in as text.

/** A new element with classes and parts in it. */
export function element(tag, classes = '', ...parts) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  made.append(...parts);
  return made;
}

/** A new element whose text is somebody else's: it keeps its direction to itself. */
export function foreign(tag, classes) {
  const made = element(tag, classes);
  made.dir = 'auto';
  return made;
}

/** A new element of an SVG. */
export function drawn(tag, classes = '') {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  if (classes) made.setAttribute('class', classes);
  return made;
}

/** Sets what an element says. Setting the same again would still cost a layout. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute; null: takes it away. */
export function set(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}
