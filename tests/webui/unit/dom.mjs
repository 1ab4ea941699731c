// As much of a document as the modules that make elements use, for tests without a browser. `work` counts what was done to it.

export const work = { made: 0, moved: 0, written: 0 };

class Node {
  parentNode = null;

  remove() {
    const nodes = this.parentNode.childNodes;
    nodes.splice(nodes.lastIndexOf(this), 1);
    this.parentNode = null;
    work.moved += 1;
  }

  replaceWith(other) {
    const nodes = this.parentNode.childNodes;
    nodes[nodes.lastIndexOf(this)] = other;
    [other.parentNode, this.parentNode] = [this.parentNode, null];
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

  appendData(more) {
    this.data += more;
    work.written += more.length;
  }

  deleteData(at, count) {
    this.data = this.data.slice(0, at) + this.data.slice(at + count);
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

  get textContent() {
    return this.childNodes.map((node) => node.textContent).join("");
  }

  append(...nodes) {
    for (const node of nodes) {
      const child = typeof node === "string" ? new Text(node) : node;
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

/** A node as `[tag, attributes, ...children]`, a text as a string; what is the same for every node of its kind is left out. */
export function tree(node) {
  if (node.nodeType === 3) return node.data;
  if (node.attributes.class === "code") return ["code-block", node.childNodes[0].childNodes[0].textContent, ...node.childNodes[1].childNodes[0].childNodes.map(tree)];
  if (node.attributes.class === "wide") return tree(node.childNodes[0]);
  const { rel, target, ...attributes } = node.attributes;
  return [node.localName, attributes, ...node.childNodes.map(tree)];
}
