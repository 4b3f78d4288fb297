"""What a plan means, in a sentence for a person. Pure."""

from __future__ import annotations

from hob.wire.engine import LoadOptions
from hob.wire.fit import DeviceMemory, Fit, Need, Verdict

_MB, _GB = 10**6, 10**9


def why(
    fit: Fit, options: LoadOptions, lacking: tuple[Need, DeviceMemory] | None, wished: int
) -> str:
    """What limits it, or why it does not fit; empty when nothing does."""
    if fit.verdict == "no" and lacking:
        need, device = lacking
        return (
            f"It needs {amount(need.total_bytes)} of {_place(device)} with a context of "
            f"{fit.context_length} tokens, and {amount(device.free_bytes)} are free, of which a "
            "part is left to others."
        )
    parts = [_placed(fit)] if options.gpu_layers is None else []
    parts.append(_context(fit, options, wished))
    return " ".join(part for part in parts if part)


def _placed(fit: Fit) -> str:
    sentences: dict[Verdict, str] = {
        "gpu": "All layers fit on the GPU.",
        "split": f"{min(fit.gpu_layers, fit.layers)} of {fit.layers} layers fit on the GPU.",
    }
    return sentences.get(fit.verdict, "")


def _context(fit: Fit, options: LoadOptions, wished: int) -> str:
    if options.context_length:
        return f"The context of {fit.context_length} tokens is the one that was asked for."
    if fit.context_length < wished:
        return f"The context is {fit.context_length} tokens, as more do not fit into memory."
    if fit.context_length < fit.whole_context_length:
        return f"The context is {fit.context_length} tokens, the most that engine.context_cap has."
    return f"The context is the model's own, {fit.context_length} tokens."


def _place(device: DeviceMemory) -> str:
    return "main memory" if device.name == "cpu" else device.description or device.name


def amount(size: int) -> str:
    """Bytes as a person reads them, in the decimal units of the command line."""
    if size >= _GB:
        return f"{size / _GB:.1f} GB"
    return f"{max(0, size) / _MB:.0f} MB"
