// A conversation as a tree: each response follows its parent, and those with the same parent are versions.

/** The responses of a conversation, in the order in which they were asked. */
export class Tree {
  constructor(responses = []) {
    this.responses = new Map(responses.map((response) => [response.id, response]));
  }

  /** Another response, {id, parent_id, question}. */
  add(response) {
    this.responses.set(response.id, response);
  }

  /** The ids from the beginning to the newest response below `id`; of all, without an id. */
  lineThrough(id = null) {
    const ids = [...this.responses.keys()];
    let end = id ?? ids.at(-1);
    if (!this.responses.has(end)) return [];
    for (let below = this.children(end); id && below.length; below = this.children(end)) end = below.at(-1);
    const line = [];
    for (let at = end; at && this.responses.has(at); at = this.responses.get(at).parent_id) line.unshift(at);
    return line;
  }

  /** The ids of those that follow `id`, in their order; of the beginnings, for null. */
  children(id) {
    return [...this.responses.values()].filter((response) => response.parent_id === id).map((response) => response.id);
  }

  /** The versions of a response: those with the same parent. */
  versions(id) {
    return this.children(this.responses.get(id).parent_id);
  }
}
