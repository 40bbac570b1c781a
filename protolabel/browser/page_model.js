// What a page in one file needs in place of a kernel: its state, and the arrays of its data.

/** The bytes of an array that Python packed. */
export async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** PageModel: the state of a page, without a kernel behind it. */
export class PageModel {
  constructor(state) {
    this.state = state;
    this.listeners = new Map();
  }

  get(name) {
    return this.state[name];
  }

  set(name, value) {
    if (Object.is(this.state[name], value)) return;
    this.state[name] = value;
    for (const action of this.listeners.get(`change:${name}`) ?? []) action();
  }

  on(event, action) {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), action]);
  }

  off(event, action) {
    this.listeners.set(event, (this.listeners.get(event) ?? []).filter((known) => known !== action));
  }

  save_changes() {}

  send() {}
}
