"""Pictures for the page of results; the only module that needs matplotlib (``pip install 'freezer[bench]'``)."""

from __future__ import annotations

from pathlib import Path

from benchmarks.findings import Results
from benchmarks.peers.contract import Step

_MIB = 1 << 20
_OURS, _OTHERS = "#1f77b4", "#b0b7bf"


def draw(results: Results, page: Path) -> list[tuple[str, str]]:
    """Write the pictures beside ``page``, named after it; file names and descriptions, for the page."""
    import matplotlib as mpl

    mpl.use("agg")
    folder, name = page.parent, page.stem
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        f"{name}-cpu.png": "CPU seconds of every step",
        f"{name}-size.png": "Repository after a full backup, against CPU seconds",
    }
    _cpu(results, folder / f"{name}-cpu.png")
    _size(results, folder / f"{name}-size.png")
    return list(names.items())


def _cpu(results: Results, path: Path) -> None:
    """A panel for every corpus and step, a bar for every peer."""
    from matplotlib import pyplot

    corpora, peers = list(results.corpora), list(results.peers)
    figure, panels = pyplot.subplots(
        len(corpora),
        len(Step),
        figsize=(14, 0.32 * len(peers) * len(corpora) + 1.5),
        squeeze=False,
        layout="constrained",
    )
    for row, corpus in zip(panels, corpora, strict=True):
        for panel, step in zip(row, Step, strict=True):
            shown = [(peer, cpu) for peer in reversed(peers) if (cpu := results.cpu(corpus, peer, step)) is not None]
            colours = [_OURS if peer.startswith("freezer-") else _OTHERS for peer, _ in shown]
            bars = panel.barh([peer for peer, _ in shown], [cpu for _, cpu in shown], color=colours)
            panel.bar_label(bars, fmt="%.2f", fontsize=6, padding=2)
            panel.margins(x=0.18)
            panel.set_title(f"{corpus}: {step}", fontsize=9)
            panel.tick_params(labelsize=7, labelleft=step is Step.FULL)
            panel.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("CPU seconds, less is better", fontsize=9)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _size(results: Results, path: Path) -> None:
    """A panel for every corpus, a point for every peer: what a full backup costs and what it stores. Encryption
    changes no size worth seeing."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, len(results.corpora), figsize=(4.2 * len(results.corpora), 4), squeeze=False, layout="constrained"
    )
    for panel, corpus in zip(panels[0], results.corpora, strict=True):
        for peer in results.peers:
            cpu, stored = results.cpu(corpus, peer, Step.FULL), results.stored(corpus, peer, Step.FULL)
            if cpu is None or stored is None or peer.endswith("-encrypted"):
                continue
            panel.plot(cpu, stored / _MIB, "o", color=_OURS if peer.startswith("freezer-") else _OTHERS)
            panel.annotate(peer, (cpu, stored / _MIB), fontsize=6, xytext=(4, 3), textcoords="offset points")
        panel.set(title=corpus, xlabel="CPU s", ylabel="stored MiB")
        panel.margins(x=0.25, y=0.15)
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
