"""A real browser without a screen, driven over a pipe by Chromium's DevTools protocol."""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_S = 60.0
# Codes of keys that are no letters.
KEYS = {
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
    " ": 32,
    "End": 35,
    "Home": 36,
    "ArrowUp": 38,
    "ArrowDown": 40,
}


def find():
    """The browser's program, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def _pipe():
    """A pipe whose ends are none of the numbers that the browser takes."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends]
    for end in ends:
        os.close(end)
    return high


class Browser:
    """One page of a browser.

    Attributes
    ----------
    problems : list of str
        What its console said of errors and warnings, and exceptions of scripts.
    requested : list of str
        Addresses that pages have asked for.
    """

    def __init__(self, program, width=1400, height=900):
        self.problems, self.requested = [], []
        self._numbers = itertools.count(1)
        self._rest = b""
        self._folder = tempfile.TemporaryDirectory()
        self._in, theirs_out = _pipe()
        theirs_in, self._out = _pipe()
        # The browser reads from 3 and writes to 4.
        command = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--remote-debugging-pipe",
            "--force-color-profile=srgb",
            f"--user-data-dir={self._folder.name}",
            f"--window-size={width},{height}",
        ]
        self._process = subprocess.Popen(
            ["bash", "-c", command, program, *options],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        page = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    _session = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            self._session = None
            self._call("Browser.close")
        except (OSError, EOFError, TimeoutError):
            self._process.kill()
        self._process.wait(10)
        os.close(self._in)
        os.close(self._out)
        self._folder.cleanup()

    def open(self, path):
        """Load a file, and wait until it and its script are there."""
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        deadline = time.monotonic() + PATIENCE_S
        ready = "document.readyState === 'complete' && 'ready' in document.documentElement.dataset"
        while not self.evaluate(ready):
            assert time.monotonic() < deadline, ("the page is not ready", self.problems)
            time.sleep(0.02)

    def evaluate(self, script):
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key, times=1, modifiers=0):
        """Press a key; Shift is the modifier 8."""
        for _ in range(times):
            form = {"key": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": modifiers}
            text = {"Enter": "\r", " ": " "}.get(key)
            self.call(
                "Input.dispatchKeyEvent",
                type="keyDown" if text else "rawKeyDown",
                **form,
                **({"text": text} if text else {}),
            )
            self.call("Input.dispatchKeyEvent", type="keyUp", **form)

    def emulate(self, *, dark=False, media=""):
        """As on a dark screen, or on paper."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def resize(self, width, height):
        """Another size of the window."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def screenshot(self, path, *, whole=True):
        """A picture of the page; of all of it, or of what is in the window."""
        found = self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole, fromSurface=True
        )
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {**size, "scale": 1}
            found = self.call(
                "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip
            )
        Path(path).write_bytes(base64.b64decode(found["data"]))

    def call(self, method, **params):
        """Call a method of the page."""
        return self._call(method, **params)

    def _call(self, method, **params):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            found = self._receive()
            self._note(found)
            if found.get("id") == number:
                assert "error" not in found, (method, found["error"])
                return found["result"]

    def _receive(self):
        deadline = time.monotonic() + PATIENCE_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser does not answer")
            more = os.read(self._in, 1 << 16)
            if not more:
                raise EOFError("the browser has ended")
            self._rest += more
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def _note(self, message):
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.problems.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.problems.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requested.append(params["request"]["url"])
