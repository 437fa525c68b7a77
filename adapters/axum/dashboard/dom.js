// Helpers of the views for elements. Text is only ever inserted as text.

/** A new element with classes and children. */
export function element(tag, classes = '', ...parts) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  made.append(...parts);
  return made;
}

/** A new element for foreign text, with isolated text direction. */
export function foreign(tag, classes) {
  const made = element(tag, classes);
  made.dir = 'auto';
  return made;
}

/** A new SVG element. */
export function drawn(tag, classes = '') {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  if (classes) made.setAttribute('class', classes);
  return made;
}

/** Sets the text of an element. Setting the same text again would cost a layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute; null removes it. */
export function set(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}
