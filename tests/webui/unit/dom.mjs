// As much of a document as the modules that make elements use, for tests without a browser. `work` counts what was done to it.

export const work = { made: 0, moved: 0, written: 0 };

class Node {
  parentNode = null;

  remove() {
    if (!this.parentNode) return;
    const nodes = this.parentNode.childNodes;
    nodes.splice(nodes.lastIndexOf(this), 1);
    this.parentNode = null;
    work.moved += 1;
  }

  replaceWith(other) {
    const parent = this.parentNode;
    other.remove();
    parent.childNodes[parent.childNodes.lastIndexOf(this)] = other;
    [other.parentNode, this.parentNode] = [parent, null];
    work.moved += 1;
  }

  get nextSibling() {
    const nodes = this.parentNode.childNodes;
    return nodes[nodes.lastIndexOf(this) + 1] ?? null;
  }

  isEqualNode(other) {
    return alike(this, other);
  }
}

class Text extends Node {
  nodeType = 3;

  constructor(data) {
    super();
    this.data = data;
    work.made += 1;
  }

  get length() {
    return this.data.length;
  }

  get textContent() {
    return this.data;
  }

  replaceData(at, _, more) {
    this.data = this.data.slice(0, at) + more;
    work.written += more.length;
  }

}

class Element extends Node {
  nodeType = 1;
  childNodes = [];
  attributes = {};

  constructor(tag) {
    super();
    this.localName = tag;
    work.made += 1;
  }

  get lastChild() {
    return this.childNodes.at(-1) ?? null;
  }

  get firstChild() {
    return this.childNodes[0] ?? null;
  }

  normalize() {
    const nodes = this.childNodes;
    this.childNodes = [];
    for (const node of nodes) {
      const last = this.lastChild;
      if (node.nodeType === 1) node.normalize();
      if (node.nodeType === 3 && last?.nodeType === 3) last.data += node.data;
      else if (node.data !== "") this.childNodes.push(node);
    }
  }

  get textContent() {
    return this.childNodes.map((node) => node.textContent).join("");
  }

  append(...nodes) {
    for (const node of nodes) {
      const child = node.nodeType ? node : new Text(String(node));
      if (child.parentNode) child.remove();
      child.parentNode = this;
      this.childNodes.push(child);
      work.moved += 1;
    }
  }

  replaceChildren() {
    this.childNodes = [];
  }

  setAttribute(name, value) {
    this.attributes[name] = String(value);
  }

  addEventListener() {}
}

globalThis.document = { createElement: (tag) => new Element(tag), createTextNode: (data) => new Text(data) };

function alike(one, other) {
  if (one.nodeType === 3 || other.nodeType === 3) return one.data === other.data;
  const [its, others] = [one, other].map(({ attributes }) => JSON.stringify(attributes));
  const isSame = one.localName === other.localName && its === others && one.childNodes.length === other.childNodes.length;
  return isSame && one.childNodes.every((node, at) => alike(node, other.childNodes[at]));
}

/** A node as `[tag, attributes, ...children]`, a text as a string; what is the same for every node of its kind is left out. */
export function tree(node) {
  if (node.nodeType === 3) return node.data;
  if (node.attributes.class === "code") return ["code-block", node.childNodes[0].childNodes[0].textContent, ...rows(node.childNodes[1].childNodes[0])];
  if (node.attributes.class === "wide") return tree(node.childNodes[0]);
  if (node.attributes.class === "math display" && node.localName === "div") return ["div", node.attributes, ...rows(node)];
  const { rel, target, ...attributes } = node.attributes;
  return [node.localName, attributes, ...node.childNodes.map(tree)];
}

/** What stands in the rows of `node`, as if they were none. */
const rows = (node) => node.childNodes.flatMap((row) => row.childNodes.map(tree)).reduce((made, part) =>
  (typeof part === "string" && typeof made.at(-1) === "string" ? [...made.slice(0, -1), made.at(-1) + part] : [...made, part]), []);
