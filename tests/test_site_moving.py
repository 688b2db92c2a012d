"""The figures that move show what the package computes; without JavaScript each is a picture of one state."""

import json
import re

import numpy as np
import pytest

import elman_np as en
from tests.support.site import DOCS, needs, show

needs("selenium", "sphinx", "myst_parser", "furo", programs=("chromium", "chromedriver", "npm", "node"))
pytestmark = pytest.mark.slow
FIGURES = {"three_days": "bptt", "reach": "gradient_flow", "chunks": "truncation"}


@pytest.fixture(scope="module")
def close():
    return en.load_splg()["Close"].to_numpy()


def states(chrome, url, name):
    """All that each state of a figure shows, by the name of the element, in the browser."""
    show(chrome, f"{url}/{FIGURES[name]}.html")
    return chrome.execute_script(
        """
        const figure = document.querySelector(arguments[0]), slider = figure.querySelector("input");
        const seen = [];
        for (let i = 0; i <= Number(slider.max); i++) {
          slider.value = i;
          slider.dispatchEvent(new Event("input"));
          const shown = {says: figure.querySelector("output").textContent};
          for (const element of figure.querySelectorAll("[data-name]"))
            shown[element.dataset.name] = element.getAttribute("d") ?? element.textContent;
          seen.push(shown);
        }
        return seen;
        """,
        f".moving.{name.replace('_', '-')}",
    )


def test_the_three_days_show_every_number_of_the_way_back(chrome, url, close):
    params = en.Parameters(*map(np.array, ([[0.6]], [[0.9]], [-0.2], [[1.5]], [0.3])))
    x, target = ((close[i : i + 3] - 43.0) / 0.5 for i in (0, 1))
    h = [np.array([[0.5]])]
    outputs = []
    for x_t in x:
        y_t, h_t = en.step(params, x_t.reshape(1, 1), h[-1], "tanh")
        outputs.append(y_t)
        h.append(h_t)
    expected, order, dh_next = {}, [], np.zeros((1, 1))
    for t in (3, 2, 1):
        dy = 2 / 3 * (outputs[t - 1] - target[t - 1])
        x_t = x[t - 1].reshape(1, 1)
        back = en.step_backward(params, x_t, h[t - 1], h[t], dy, dh_next, "tanh")
        numbers = {"dy": dy, "dh_out": dy * params.w_y, "dh": dy * params.w_y + dh_next}
        numbers |= {"da": back.grads.b_h, "dw_h": back.grads.w_h}
        for name, number in numbers.items():
            order.append(f"{name}-{t}")
            expected[order[-1]] = number.item()
        dh_next = back.dh_before
        order.append(f"dh_next-{t - 1}")
        expected[order[-1]] = dh_next.item()
    seen = states(chrome, url, "three_days")
    assert len(seen) == len(order) + 2
    for count, shown in enumerate(seen):
        for i, name in enumerate(order):
            assert shown[f"{name}-number"] == (f"{expected[name]:.6f}" if i < count else "")
        if 0 < count <= len(order):
            assert shown["value"] == f"= {expected[order[count - 1]]:.6f}"
    assert seen[-1]["value"] == f"= {sum(expected[f'dw_h-{t}'] for t in (1, 2, 3)):.6f}"


def test_the_reach_is_that_of_backward(chrome, url, close):
    """By the package's way back, a row of the unit matrix at a time."""
    series = en.Scaler.fit(close).transform(close)
    start = en.init_parameters(1, 16, 1, rng=0)
    radius = np.abs(np.linalg.eigvals(start.w_h)).max()
    for shown in states(chrome, url, "reach"):
        rho = float(shown["rho"].removeprefix("ρ = "))
        params = en.Parameters(start.w_x, start.w_h * (rho / radius), start.b_h, start.w_y, start.b_y)
        for activation in ("tanh", "relu"):
            model = en.ElmanRNN.from_params(params, activation=activation)
            found = {}
            for k in (10, 100):
                _, h = model(series[:-k])
                _, _, tape = model.forward(series[-k:], h)
                rows = [model.backward(tape, np.zeros(k), dh_n=unit)[2] for unit in np.eye(16)]
                found[k] = np.linalg.norm(rows, 2)
            text = f"{activation}: {found[10]:.2g} after 10 steps, {found[100]:.1g} after 100"
            assert shown[f"{activation}-number"] == text
            points = re.findall(r"([\d.]+) ([\d.]+)", shown[activation])
            assert len(points) == 101
            heights = [float(y) for _, y in points]
            for k, norm in found.items():
                power = np.clip(np.log10(norm), -12, 6)
                assert f"{300 - (power + 12) / 18 * 280:.1f}" == f"{heights[k]:.1f}"


def test_the_chunks_are_cut_by_hand(chrome, url, close):
    x, target = en.windows(en.Scaler.fit(close).transform(close), 40)
    params = en.init_parameters(1, 8, 1, rng=0)
    y, h_n, tape = en.ElmanRNN.from_params(params).forward(x)
    h = np.concatenate([np.zeros((1, *h_n.shape)), tape.bptt.h])

    def gradient(borders, last_day_only):
        _, dy = en.mse_loss(y, target)
        if last_day_only:
            dy[:-1] = 0
        dh_next, total = np.zeros_like(h_n), 0
        for t in reversed(range(40)):
            if t + 1 in borders:
                dh_next = np.zeros_like(h_n)
            back = en.step_backward(params, x[t], h[t], h[t + 1], dy[t], dh_next, "tanh")
            dh_next = back.dh_before
            total = total + back.grads.flat
        return total

    full = {last: gradient((), last) for last in (False, True)}
    for k, shown in enumerate(states(chrome, url, "chunks"), 1):
        borders = range(k, 40, k)
        assert shown["length"] == f"k = {k}: {len(borders)} border{'' if len(borders) == 1 else 's'}"
        assert shown["cuts"].count("V") == len(borders)
        for name, last in (("all-number", False), ("last-number", True)):
            apart = np.linalg.norm(gradient(borders, last) - full[last]) / np.linalg.norm(full[last])
            assert shown[name] == f"{apart:.3f}"


@pytest.mark.parametrize("name", FIGURES)
def test_without_javascript_there_is_the_picture_of_one_state(name):
    svg = (DOCS / "figures" / f"{name}.svg").read_text()
    data = json.loads((DOCS / "figures" / f"{name}.json").read_text())
    for element, values in data["states"][data["start"]]["set"].items():
        (tag,) = re.findall(rf'<[^>]*data-name="{element}"[^>]*>[^<]*', svg)
        for key, value in values.items():
            assert (tag.endswith(f">{value}")) if key == "text" else (f' {key}="{value}"' in tag)
