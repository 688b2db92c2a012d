"""The numbers of the figures that move: `python docs/figures/moving.py`.

Each is an SVG written by hand, in which what changes has a `data-name`, and a JSON file beside it: a list of
states, and for each what every such element has, its text or an attribute. This program computes all of it,
writes the JSON, and puts one state, and what stays as it is, into the SVG: the picture for whoever cannot
move it. The site's `moving.js` only picks a state.
"""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gradient_flow import norms, scaled
from truncation import gradient

import elman_np as en

HERE = Path(__file__).parent
Elements = dict[str, dict[str, str]]


def state(says: str, elements: Elements) -> dict[str, Any]:
    """One state: what is said of it, and what each element has."""
    return {"says": says, "set": elements}


# ---------------------------------------------------------------- the three days of chapter 3


def three_days() -> dict[str, Any]:
    """The way back through three days, a number at a time."""
    close = en.load_splg()["Close"].to_numpy()
    scaler = en.Scaler(mean=43.0, std=0.5)
    x, target = (scaler.transform(close[i : i + 3]).tolist() for i in (0, 1))
    w_x, w_h, b_h, w_y, b_y = 0.6, 0.9, -0.2, 1.5, 0.3
    h = [0.5]
    for t in (1, 2, 3):
        h.append(math.tanh(w_x * x[t - 1] + w_h * h[t - 1] + b_h))
    found: list[tuple[str, float, str]] = []  # name, number, how it comes about
    dh_next, copies = 0.0, []
    for t in (3, 2, 1):
        dy = 2 / 3 * (w_y * h[t] + b_y - target[t - 1])
        found.append((f"dy-{t}", dy, f"dy_{t} = 2/3 (y_{t} - target_{t})"))
        dh_out = dy * w_y
        found.append((f"dh_out-{t}", dh_out, f"dh_out_{t} = dy_{t} w_y = {dy:.6f} · {w_y}"))
        dh = dh_out + dh_next
        found.append((f"dh-{t}", dh, f"dh_{t} = dh_out_{t} + dh_next_{t} = {dh_out:.6f} {_signed(dh_next)}"))
        da = dh * (1 - h[t] ** 2)
        found.append((f"da-{t}", da, f"da_{t} = dh_{t} (1 - h_{t}²) = {dh:.6f} · (1 - {h[t]:.6f}²)"))
        copies.append(da * h[t - 1])
        how = f"dw_h({t}) = da_{t} h_{t - 1} = {da:.6f} · {h[t - 1]:.6f}"
        found.append((f"dw_h-{t}", copies[-1], how))
        dh_next = da * w_h
        name = f"dh_next_{t - 1}" if t > 1 else "dh_0"
        found.append((f"dh_next-{t - 1}", dh_next, f"{name} = da_{t} w_h = {da:.6f} · {w_h}"))
    total = " ".join([f"{copies[-1]:.6f}", *(_signed(part) for part in copies[-2::-1])])
    found.append(("dw_h", sum(copies), f"dw_h = {total}"))
    return {"label": "Step back", "start": len(found), "states": list(_one_by_one(found))}


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'} {abs(value):.6f}"


def _one_by_one(found: list[tuple[str, float, str]]) -> Iterator[dict[str, Any]]:
    for count in range(len(found) + 1):
        elements: Elements = {}
        for i, (name, value, _) in enumerate(found[:-1]):
            elements[name] = {"class": "way later" if i >= count else "way now" if i == count - 1 else "way"}
            elements[f"{name}-number"] = {"text": f"{value:.6f}" if i < count else ""}
        _, value, how = found[count - 1] if count else ("", None, "The forward pass is done.")
        elements["how"] = {"text": how}
        elements["value"] = {"text": "" if value is None else f"= {value:.6f}"}
        yield state(how if value is None else f"{how} = {value:.6f}", elements)


# ---------------------------------------------------------------- w_h against how far the gradient travels

LONGEST = 100
LEFT, RIGHT, TOP, BOTTOM = 62, 550, 20, 300
LEAST, MOST = -12, 6  # powers of ten


def reach() -> dict[str, Any]:
    """Norms of (6.1b) for fifteen spectral radii, tanh and relu."""
    close = en.load_splg()["Close"].to_numpy()
    series = en.Scaler.fit(close).transform(close)
    start = en.init_parameters(1, 16, 1, rng=0)
    states = []
    for tenth in range(2, 17):
        rho = tenth / 10
        elements: Elements = {"rho": {"text": f"ρ = {rho}"}}
        parts = []
        for activation in ("tanh", "relu"):
            found = norms(scaled(start, rho), activation, series, LONGEST)
            elements[activation] = {"d": _curve(found)}
            gone = next((k for k, norm in enumerate(found) if norm < 1e-3), None)
            ten = f"{found[10]:.2g} after 10 steps, {found[100]:.1g} after 100"
            elements[f"{activation}-number"] = {"text": f"{activation}: {ten}"}
            parts.append(f"{activation} {ten}" + (f", below 1/1000 from step {gone} on" if gone else ""))
        states.append(state(f"ρ = {rho}: {'; '.join(parts)}", elements))
    return {"label": "Spectral radius of w_h", "start": 7, "states": states}


def _curve(found: list[float]) -> str:
    points = []
    for k, norm in enumerate(found):
        power = min(max(math.log10(norm) if norm else LEAST, LEAST), MOST)
        x = LEFT + k / LONGEST * (RIGHT - LEFT)
        y = BOTTOM - (power - LEAST) / (MOST - LEAST) * (BOTTOM - TOP)
        points.append(f"{x:.1f} {y:.1f}")
    return "M" + " L".join(points)


# ---------------------------------------------------------------- the chunk's length against what is cut

STEPS = 40


def chunks() -> dict[str, Any]:
    """What a chunk of each length cuts of forty days, and how far the gradient is then off."""
    close = en.load_splg()["Close"].to_numpy()
    x, target = en.windows(en.Scaler.fit(close).transform(close), STEPS)
    params = en.init_parameters(1, 8, 1, rng=0)
    apart = {
        last: [_apart(params, x, target, k, last) for k in range(1, STEPS + 1)] for last in (False, True)
    }
    states = []
    for k in range(1, STEPS + 1):
        borders = [t for t in range(1, STEPS) if t % k == 0]
        sees = (STEPS - 1) % k + 1
        everything, last = apart[False][k - 1], apart[True][k - 1]
        elements: Elements = {"cuts": {"d": " ".join(f"M{_border(t):.1f} 42 V84" for t in borders) or "M0 0"}}
        first = _border(STEPS - sees)
        elements["seen"] = {"x": f"{first:.1f}", "width": f"{_border(STEPS) - first:.1f}"}
        plural = "" if len(borders) == 1 else "s"
        elements["length"] = {"text": f"k = {k}: {len(borders)} border{plural}"}
        elements["sees"] = {"text": f"the last day sees {sees} step{'' if sees == 1 else 's'}"}
        elements["all-number"] = {"text": f"{everything:.3f}"}
        elements["last-number"] = {"text": f"{last:.3f}"}
        elements["all-dot"], elements["last-dot"] = _dot(k, everything), _dot(k, last)
        says = f"k = {k}: {len(borders)} border{plural}; off by {everything:.3f} with a loss on all days"
        states.append(state(f"{says}, by {last:.3f} on the last, which sees {sees}", elements))
    still = {f"{name}-curve": {"d": _line(apart[last])} for name, last in (("all", False), ("last", True))}
    return {"label": "Length of a chunk", "start": 9, "still": still, "states": states}


def _apart(params: en.Parameters, x: np.ndarray, target: np.ndarray, k: int, last_day_only: bool) -> float:
    full, cut = (
        gradient(en.ElmanRNN.from_params(params, chunk=chunk), x, target, last_day_only=last_day_only)
        for chunk in (None, k)
    )
    return float(np.linalg.norm(cut - full) / np.linalg.norm(full))


def _border(t: int) -> float:
    return 11 + t * 13.45


def _place(k: int, value: float) -> tuple[str, str]:
    return f"{60 + (k - 1) * 12.5:.1f}", f"{340 - value / 0.45 * 150:.1f}"


def _dot(k: int, value: float) -> dict[str, str]:
    x, y = _place(k, value)
    return {"cx": x, "cy": y}


def _line(values: list[float]) -> str:
    return "M" + " L".join(" ".join(_place(k, value)) for k, value in enumerate(values, 1))


# ---------------------------------------------------------------- into the files

FIGURES = {"three_days": three_days, "reach": reach, "chunks": chunks}


def filled(svg: str, elements: Elements) -> str:
    """The SVG with one state in it."""
    for name, values in elements.items():
        tag = re.search(rf'<(\w+)[^>]*data-name="{name}"[^>]*>', svg)
        if tag is None:
            raise ValueError(f"no element has data-name {name!r}")
        new = tag[0]
        for key, value in values.items():
            if key == "text":
                after = svg[tag.end() :]
                svg = svg[: tag.end()] + value + after[after.index("<") :]
            else:
                new = re.sub(rf' {key}="[^"]*"', f' {key}="{value}"', new)
        svg = svg.replace(tag[0], new)
    return svg


def main() -> None:
    """Write all of them."""
    for name, compute in FIGURES.items():
        found = compute()
        path = HERE / f"{name}.svg"
        shown = found.pop("still", {}) | found["states"][found["start"]]["set"]
        path.write_text(filled(path.read_text(), shown))
        (HERE / f"{name}.json").write_text(
            json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"
        )


if __name__ == "__main__":
    main()
