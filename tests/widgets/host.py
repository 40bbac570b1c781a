"""A bare host: the real traitlets in Python, the real ES module in Chromium, and no Jupyter."""

from __future__ import annotations

import base64
import json
import os
import shutil
import threading
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHROMIUM = os.environ.get("PROTOLABEL_CHROMIUM", "/usr/bin/chromium")
ADDRESS = "http://127.0.0.1/host"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--remote-debugging-port=0",  # for keys on a clock
]  # fmt: skip

# As strict as the output of a notebook can be, in VS Code or Colab: no eval, and nothing to load.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src blob: data:"
)

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A widget</title>
<meta http-equiv="Content-Security-Policy" content="%(policy)s">
<style>%(style)s body { margin: 0; }</style>
<body><div id="host"></div><script type="module">
%(module)s
const decode = (value) => value?.base64 === undefined ? value
  : new DataView(Uint8Array.from(atob(value.base64), (c) => c.charCodeAt(0)).buffer);
const letters = (view) => Array.from(new Uint8Array(view.buffer), (b) => String.fromCharCode(b));
const encode = (value) =>
  value instanceof DataView ? { base64: btoa(letters(value).join("")) } : value;
const heard = new Map(), state = {}, changed = new Set();
const listeners = (event) => heard.get(event) ?? [];
const tell = (event, ...given) => listeners(event).slice().forEach((action) => action(...given));
const model = {
  get: (name) => state[name],
  set(name, value) {
    if (state[name] === value) return;
    state[name] = value;
    changed.add(name);
    tell("change:" + name);
  },
  save_changes() {
    const sent = Object.fromEntries([...changed].map((name) => [name, encode(state[name])]));
    changed.clear();
    if (Object.keys(sent).length) window.toPython(JSON.stringify({ state: sent }));
  },
  on: (event, action) => heard.set(event, [...listeners(event), action]),
  off: (event, action) => heard.set(event, listeners(event).filter((one) => one !== action)),
  send: (content, _, buffers = []) => window.toPython(JSON.stringify(
    { content, buffers: buffers.map((buffer) => encode(new DataView(buffer))) })),
};
window.fromPython = (message) => {
  for (const [name, value] of Object.entries(message.state ?? {})) state[name] = decode(value);
  for (const name of Object.keys(message.state ?? {})) tell("change:" + name);
  if (message.content) tell("msg:custom", message.content, (message.buffers ?? []).map(decode));
};
window.others = {};
const otherWidget = (value) => {
  const actions = [];
  return {
    get: () => value,
    on: (_, action) => actions.push(action),
    off: (_, action) => actions.splice(actions.indexOf(action), 1),
    show(next) { value = next; actions.slice().forEach((action) => action()); },
  };
};
window.startBeside = (shown) => {
  for (const [id, value] of Object.entries(shown)) others[id] = otherWidget(value);
  if (Object.keys(shown).length) model.widget_manager = { get_model: async (id) => others[id] };
};
window.start = () => { window.stop = render({ model, el: document.getElementById("host") }); };
</script></body>"""


class Host:
    """One widget on one page; `errors` and `requests` must stay empty."""

    def __init__(self, page: Any, widget: Any, others: dict[str, Any] | None = None) -> None:
        self.page, self.widget = page, widget
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: self._note(r.url))
        page.expose_function("toPython", self._from_browser)
        html = PAGE % {"style": widget._css, "module": widget._esm, "policy": POLICY}
        page.route(ADDRESS, lambda route: route.fulfill(body=html, content_type="text/html"))
        page.goto(ADDRESS)
        widget.observe(self._to_browser)
        self.frozen: set[str] = set()
        # What goes out between calls: a page cannot be called from within its own call, nor from
        # another thread.
        self.waiting: deque[Callable[[], None]] = deque()
        self.hearing = False
        widget.send = lambda content, buffers=(): self.waiting.append(
            lambda: self.send(content, buffers)
        )
        self.held: list[dict[str, Any]] | None = None
        page.evaluate("(shown) => startBeside(shown)", others or {})
        self.push(widget.get_state(), start=True)

    def _note(self, url: str) -> None:
        if url != ADDRESS and not url.startswith(("blob:", "data:")):
            self.requests.append(url)

    def _to_browser(self, change: Any) -> None:
        if change["name"] in self.widget.keys and change["name"] not in self.frozen:
            state = {change["name"]: change["new"]}
            if self.hearing or threading.current_thread() is not threading.main_thread():
                self.waiting.append(lambda: self.tell(state))
            else:
                self.push(state)

    def push(self, state: dict[str, Any], *, start: bool = False) -> None:
        self.tell(state, start=start)
        self.settle()

    def tell(self, state: dict[str, Any], *, start: bool = False) -> None:
        known = {k: v for k, v in state.items() if not k.startswith("_") and k != "layout"}
        message = {"state": {k: self._encoded(v) for k, v in known.items()}}
        self.page.evaluate("([m, s]) => { fromPython(m); if (s) start(); }", [message, start])

    def send(self, content: Any, buffers: Any = ()) -> None:
        message = {"content": content, "buffers": [self._encoded(bytes(one)) for one in buffers]}
        self.page.evaluate("(m) => fromPython(m)", message)

    @staticmethod
    def _encoded(value: Any) -> Any:
        if isinstance(value, bytes | memoryview):
            return {"base64": base64.b64encode(value).decode()}
        return value

    def _from_browser(self, text: str) -> None:
        if self.held is not None:
            self.held.append(json.loads(text))
            return
        self.hearing = True
        try:
            self._hear(json.loads(text))
        finally:
            self.hearing = False

    def _hear(self, message: dict[str, Any]) -> None:
        for name, value in message.get("state", {}).items():
            given = value
            if isinstance(value, dict) and "base64" in value:
                given = memoryview(base64.b64decode(value["base64"]))  # as in a kernel
            self.frozen.add(name)
            self.widget.set_state({name: given})
            self.frozen.discard(name)
        if "content" in message:
            buffers = [memoryview(base64.b64decode(b["base64"])) for b in message["buffers"]]
            self.widget._handle_custom_msg(message["content"], buffers)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Let the kernel hear of nothing until the end, and then of the clicks first.

        A front end does the same: it holds the state of a widget back while an earlier one is not
        dealt with, but sends a message at once.
        """
        self.held = []
        yield
        messages, self.held = self.held, None
        for message in sorted(messages, key=lambda message: "content" not in message):
            self._from_browser(json.dumps(message))
        self.settle()

    def settle(self) -> None:
        """Wait until the animations are over and every question is answered."""
        self._calm()
        while self.waiting:
            self.waiting.popleft()()
            self._calm()

    def flush(self) -> None:
        """Bring to the page what waits, without waiting for its animations."""
        while self.waiting:
            self.waiting.popleft()()

    def _calm(self) -> None:
        self.page.evaluate(
            """() => new Promise((done) => {
                let [last, calm] = ["", 0];
                const look = () => {
                    const now = document.querySelector(".pl-map")?.dataset.frames ?? "";
                    calm = now === last ? calm + 1 : 0;
                    last = now;
                    calm > 3 ? done() : requestAnimationFrame(look);
                };
                look();
            })"""
        )

    def data(self, name: str) -> str:
        return self.page.eval_on_selector(".pl-map", "(el, name) => el.dataset[name]", name)


AXE = Path(__file__).parents[1] / "browser" / "node_modules" / "axe-core" / "axe.min.js"


def serious(page: Any, selector: str = "body") -> list[str]:
    """What axe-core finds serious or critical within an element: rule, help and place."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: run `npm ci` in tests/browser")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("(within) => axe.run(within).then((found) => found.violations)", selector)
    return [
        f"{one['id']}: {one['help']} ({node['target']}: {node['failureSummary']})"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def require_browser() -> None:
    """Skip where there is no browser, but fail where one is promised."""
    reason = ""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        reason = "playwright is not installed"
    if not reason and shutil.which(CHROMIUM) is None:
        reason = f"{CHROMIUM} is not installed"
    if reason and os.environ.get("PROTOLABEL_BROWSER_TESTS") == "1":
        pytest.fail(f"PROTOLABEL_BROWSER_TESTS=1, but {reason}")
    if reason:
        pytest.skip(reason)


@contextmanager
def browser(profile: Path) -> Iterator[Any]:
    """Chromium with an empty profile and no way out of this machine."""
    require_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=CHROMIUM, headless=True, args=FLAGS,
            viewport={"width": 900, "height": 640}, device_scale_factor=1, color_scheme="light",
            reduced_motion="reduce",
        )  # fmt: skip
        yield context
        context.close()


def devtools_port(profile: Path) -> int:
    """Return where the browser of a profile takes real key events; it notes that there."""
    return int((profile / "DevToolsActivePort").read_text("utf-8").split()[0])
