"""A headless Chromium, driven by Selenium, and pages opened in it from disk.

`.ci/browser` installs what these tests need; without it they are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import rfgraph

FIXTURES = Path(__file__).parents[2] / "fixtures"
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SHOTS = os.environ.get("RFGRAPH_SCREENSHOTS")


class Browser:
    """A browser with one page open; what it asks for and says is kept."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path, width=1280, scheme="light"):
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(Path(path).as_uri())
        assert self.run("return document.documentElement.classList.contains('ready')")
        return self

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def rows(self, selector):
        """The cells of a table's body."""
        return self.run(
            "return [...document.querySelector(arguments[0]).querySelectorAll('tbody tr')]"
            ".map((row) => [...row.children].map((cell) => cell.textContent))",
            selector,
        )

    def click(self, element):
        """Click an element, wherever it is."""
        script = "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))"
        self.run(script, element)

    def enter(self, element, value):
        """Enter a value in a field as by typing it."""
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
        self.run(script, element, value)

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains

        actions = ActionChains(self.driver)
        for key in keys:
            actions.send_keys(key)
        actions.perform()

    def messages(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        entries = (json.loads(one["message"]) for one in self.driver.get_log("performance"))
        return [
            entry["message"]["params"]["request"]["url"]
            for entry in entries
            if entry["message"]["method"] == "Network.requestWillBeSent"
        ]

    def shot(self, name):
        """Keep a picture of the whole page where RFGRAPH_SCREENSHOTS says."""
        if SHOTS is not None:
            height = self.run("return document.documentElement.scrollHeight")
            width = self.run("return innerWidth")
            size = {"width": width, "height": min(height, 6000)}
            self.driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {**size, "deviceScaleFactor": 1, "mobile": False},
            )
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(Path(SHOTS) / f"{name}.png"))


@pytest.fixture(scope="session")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no chromium with its chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield Browser(driver)
    driver.quit()


class Pages:
    """Results by name, and their pages on disk; each is made once."""

    def __init__(self, folder):
        self.folder, self._made = folder, {}

    def of(self, name):
        if name not in self._made:
            self.add(name, rfgraph.analyze(FIXTURES / f"{name}.onnx"))
        return self._made[name]

    def add(self, name, result):
        path = self.folder / f"{name.replace('/', '-')}.html"
        rfgraph.report(result, path)
        self._made[name] = result, path
        return path


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    return Pages(tmp_path_factory.mktemp("pages"))
