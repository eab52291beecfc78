"""The report as a reader has it: clicked, moved and read in a real browser."""

from __future__ import annotations

import json
import os
import random
import zlib
from pathlib import Path

import pytest
from onnx import helper

import rfgraph
from browser.conftest import FIXTURES
from hostile.names import NAMES, everywhere
from reports.models import hostile, model
from rfgraph.cli import main

pytestmark = pytest.mark.browser

WIDTHS = {"wide": 1280, "phone": 390}
MODELS = ["resnet50", "unet_transposed", "exports/shuffle_ts", "tcn", "espcn"]
KEYS = {"up": "\ue013", "down": "\ue015", "left": "\ue012", "right": "\ue014"}
ENTER, TAB, HOME, SHIFT = "\ue007", "\ue004", "\ue011", "\ue008"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["resnet50", "exports/detector_ts", "siamese"])
def test_nothing_is_said_and_nothing_leaves(browser, pages, name, width, scheme):
    _, path = pages.of(name)
    browser.open(path, WIDTHS[width], scheme)
    assert browser.messages() == []
    assert browser.requests() == [path.as_uri()]
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    browser.shot(f"{name.replace('/', '-')}-{width}-{scheme}")


@pytest.mark.parametrize("name", ["resnet50", "tcn", "exports/detector_ts"])
def test_what_a_box_says_fits_into_it(browser, pages, name):
    _, path = pages.of(name)
    browser.open(path)
    assert (
        browser.run(
            """
        return [...document.querySelectorAll(".box")].flatMap((box) => {
          const room = box.querySelector("rect").getBBox().width;
          return [...box.querySelectorAll("text")].filter((text) => text.getBBox().width > room);
        }).map((text) => text.textContent);
        """
        )
        == []
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["unet_transposed", "tcn"])
def test_axe_finds_no_violation(browser, pages, name, scheme, width):
    axe = os.environ.get("RFGRAPH_AXE")
    if axe is None:
        pytest.skip("no axe-core: RFGRAPH_AXE names its axe.min.js")
    _, path = pages.of(name)
    browser.open(path, WIDTHS[width], scheme)
    for summary in browser.all("summary"):
        summary.click()
    browser.click(browser.find(".bar"))
    browser.run(Path(axe).read_text(encoding="utf-8"))
    found = browser.driver.execute_async_script(
        "const end = arguments[0]; axe.run().then((found) => end(found.violations), end)"
    )
    assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found] == []


# -- units -----------------------------------------------------------------------------------------


def shown_unit(browser):
    """The index that is shown, and what the table says of it."""
    name = browser.text("#unit-name").strip("[]").split(", ")
    index = [None if at == "*" else int(at) for at in name]
    return index, browser.rows("#unit-reads")


def expected_rows(result, tensor, index):
    region = rfgraph.unit(result, tensor, index).to_dict()["regions"][0]
    rows = []
    for axis, wide in enumerate(region["unclipped"]):
        inside = region["clipped"]
        size, center = region["size"][axis], region["center"][axis]
        whole = center if isinstance(center, int) else int(center.split("/")[0]) / 2
        rows.append(
            [
                str(axis),
                "nothing" if inside is None else "{}..{}".format(*inside[axis]),
                "\u2013" if wide is None else "{}..{}".format(*wide),
                "\u2013" if size is None else str(size),
                "\u2013" if center is None else str(whole),
            ]
        )
    return rows


@pytest.mark.parametrize("name", MODELS)
def test_a_unit_is_that_of_rfgraph_unit(browser, pages, name):
    result, path = pages.of(name)
    browser.open(path)
    picks = random.Random(zlib.crc32(name.encode()))
    rows = browser.all("#layers-rows tr")
    for row in picks.sample(rows, min(len(rows), 5)) * 2:
        browser.click(row)
        tensor = browser.text("#layer-facts").split(" \u00b7 ")[1]
        for entry in browser.all("#unit-index input"):
            browser.enter(entry, picks.randrange(int(entry.get_attribute("max")) + 1))
        index, told = shown_unit(browser)
        assert told == expected_rows(result, tensor, index)
        browser.find("#field").send_keys(picks.choice(list(KEYS.values())))
        index, told = shown_unit(browser)
        assert told == expected_rows(result, tensor, index)


def test_arrows_move_the_unit_and_a_click_takes_it_there(browser, pages):
    result, path = pages.of("unet_transposed")
    browser.open(path)
    assert shown_unit(browser)[0] == [None, None, 194, 194]
    assert browser.all("#field .map")
    browser.find("#field").send_keys(KEYS["right"], KEYS["down"], KEYS["down"])
    assert shown_unit(browser)[0] == [None, None, 196, 195]
    assert not browser.all("#field .map")
    browser.find("#field").send_keys(HOME)
    assert shown_unit(browser)[0] == [None, None, 194, 194]
    from selenium.webdriver.common.action_chains import ActionChains

    picture = browser.find("#field svg")
    wide, high = picture.size["width"], picture.size["height"]
    ActionChains(browser.driver).move_to_element_with_offset(
        picture, -int(wide * 0.3), int(high * 0.2)
    ).click().perform()
    index, told = shown_unit(browser)
    assert told == expected_rows(result, "head", index)
    centers = [float(row[4]) for row in told[2:]]
    assert abs(centers[0] - 572 * 0.7) < 12
    assert abs(centers[1] - 572 * 0.2) < 12


# -- paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["highres3dnet", "tcn"])
def test_a_bar_lights_a_path_of_its_size(browser, pages, capsys, name):
    _, path = pages.of(name)
    source = str(FIXTURES / f"{name}.onnx")
    assert main(["paths", source, "--list", "1000", "--format", "json"]) == 0
    counted = json.loads(capsys.readouterr().out)["paths"][0]
    sizes = {tuple(one["nodes"]): one["size"][0] for one in counted["list"]}
    browser.open(path)
    histogram = dict(counted["axes"][0]["histogram"])
    bars = browser.all(".bar")
    assert len(bars) == len(histogram)
    for bar, size in list(zip(bars, histogram, strict=True))[:: max(len(bars) // 8, 1)]:
        browser.click(bar)
        label = bar.get_attribute("aria-label")
        assert label.startswith(f"size {size}: {int(histogram[size]):,} paths")
        nodes = browser.run(
            "return [...document.querySelectorAll('.path li')].map((one) => one.textContent)"
        )
        assert sizes[tuple(nodes)] == size
        lit = len(browser.all(".box.lit"))
        assert lit > 1
        assert len(browser.all(".line.lit")) == lit - 1


# -- the graph, the table --------------------------------------------------------------------------


def test_layers_are_sorted_searched_and_linked(browser, pages):
    _, path = pages.of("resnet50")
    browser.open(path)
    for _ in range(2):
        browser.click(browser.all("#layers-head button")[4])
    shown = [row[4].split("..")[-1] for row in browser.rows("#layers table")]
    sizes = [int(size) for size in shown if size != "\u2013"]
    assert sizes == sorted(sizes, reverse=True)
    assert shown[: len(sizes)] == [str(size) for size in sizes]
    assert browser.find("#layers-head th:nth-child(5)").get_attribute("aria-sort") == "descending"
    browser.find("#search").send_keys("layer3.1")
    names = [row[0] for row in browser.rows("#layers table")]
    assert names
    assert all(name.startswith("layer3.1") for name in names)
    browser.click(browser.find("#layers-rows button"))
    assert browser.text("#layer-name") == names[0]
    assert len(browser.all(".box.chosen")) == 1


def test_the_keyboard_alone_reaches_everything(browser, pages):
    _, path = pages.of("resnet50")
    browser.open(path)
    reached = set()
    for _ in range(150):
        browser.press(TAB)
        reached.add(
            browser.run(
                "const at = document.activeElement; const near = at.closest('[id]');"
                "return `${near ? near.id : ''} ${at.tagName.toLowerCase()}`"
            )
        )
    wanted = {
        "metric select", "graph-picture g", "field div", "image input", "growth-picture svg",
        "search input", "every-tensor input", "layers-head button", "layers-rows button",
        "paths-pictures g", "paths-pictures summary", "graph-tables summary", "findings button",
    }  # fmt: skip
    assert {f"unit-axis-{axis} input" for axis in (2, 3)} | wanted <= reached

    browser.run("document.querySelector('.box').focus()")
    browser.press(KEYS["down"], KEYS["down"], ENTER)
    assert browser.text("#layer-name") == "maxpool"
    browser.run("document.querySelector('#growth-picture svg').focus()")
    browser.press(KEYS["right"])
    assert browser.text("#layer-name") == "layer1.0.conv1"
    browser.run("document.querySelector('.bar').focus()")
    browser.press(KEYS["right"], ENTER)
    assert "a path of size" in browser.text("#paths-pictures .said")
    assert browser.all(".box.lit")


# -- hostile and large files -----------------------------------------------------------------------


@pytest.mark.parametrize("label", ["html", "markdown", "xml", "quotes", "bidi", "null", "every"])
def test_a_hostile_name_does_nothing(browser, pages, label):
    made = hostile() if label == "every" else everywhere(NAMES[label])
    path = pages.add(f"hostile-{label}", rfgraph.analyze(made))
    browser.open(path)
    for element in [*browser.all(".box"), *browser.all("#layers-rows button")]:
        browser.click(element)
    assert browser.run("return document.scripts.length") == 2
    assert browser.all("img, iframe, object, embed, a:not(.skip)") == []
    assert browser.messages() == []
    assert browser.requests() == [path.as_uri()]


@pytest.fixture(scope="session")
def large(pages):
    """The page of a model of 10,000 nodes in stages and blocks."""
    nodes, before = [], "x"
    pool = {"kernel_shape": [3], "pads": [1, 1]}
    for block in range(2499):
        name = f"stage{block // 100}.block{block}."
        skipped = f"{name}b" if block % 10 else before
        nodes += [
            helper.make_node("MaxPool", [before], [f"{name}a"], f"{name}first", **pool),
            helper.make_node("Relu", [f"{name}a"], [f"{name}b"], f"{name}relu"),
            helper.make_node("MaxPool", [f"{name}b"], [f"{name}c"], f"{name}second", **pool),
            helper.make_node("Add", [f"{name}c", skipped], [f"{name}d"], f"{name}add"),
        ]
        before = f"{name}d"
    nodes.append(helper.make_node("Relu", [before], ["y"], "last"))
    return pages.add("large", rfgraph.analyze(model(nodes, {"x": [1, 1, 256]}, {"y": None})))


def test_ten_thousand_nodes_open_in_time(browser, large):
    assert large.stat().st_size < 4_000_000
    browser.open(large)
    assert browser.run("return performance.getEntriesByName('ready')[0].startTime") < 3000
    assert len(browser.all(".box")) <= 150
    assert browser.messages() == []
    browser.shot("large")


def test_a_block_opens_and_closes(browser, large):
    browser.open(large)
    folded = browser.all(".box.folds")
    inside = folded[0].get_attribute("aria-label").rpartition(" of ")[2].removesuffix(", opens")
    browser.click(folded[0])
    assert browser.text("#graph-trail li:last-child") == inside
    assert "box outside" in [box.get_attribute("class") for box in browser.all(".box")]
    browser.shot("block")
    browser.find("#graph-trail button").click()
    assert browser.text("#graph-trail") == "whole model"
