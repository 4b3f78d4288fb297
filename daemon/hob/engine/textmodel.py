"""A model that writes text, ready to answer: runtime, cache, loop and preparation put together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hob.engine.assembly import Assembler, for_template
from hob.engine.cache.disk import DiskStates
from hob.engine.cache.identity import Identity, model_digest, shards_of
from hob.engine.cache.prefixes import PrefixCache
from hob.engine.cache.saved import Entry
from hob.engine.chores import Calibration, Chores
from hob.engine.costs import CostCurve
from hob.engine.grammar.constraints import Constraints
from hob.engine.guessing.source import Guesser
from hob.engine.llama import LlamaRuntime
from hob.engine.loop import EngineLoop
from hob.engine.output.formats import choose_format
from hob.engine.output.marks import MarkTable
from hob.engine.projection import Projection
from hob.engine.prompts.prompt import PromptBuilder
from hob.engine.prompts.templates_builtin import TemplateChoice
from hob.engine.service import TextService
from hob.engine.watchdog import Watchdog
from hob.wire.engine import FromWorker, Heartbeat, LoadedInfo, LoadOptions

# What a step reads before it is known what steps cost: on a CPU larger ones read no faster.
_CPU_USEFUL, _CPU_FULL = 32, 128
_CPU_MEASURED = (1, 2, 4, 8, 16, 32, 64, 128)
_GPU_MEASURED = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
# Prefixes of this length on are kept for the time after an unload, once nobody has asked anything
# for a while, so that a conversation is not written to disk at each of its turns.
_WORTH_KEEPING = 256
_REST_S = 20.0
# Most of the cells are emptied while nobody asks anything: reading a prompt looks at all cells in
# use, whoever's they are, and took a third longer with 8,192 of them. A state comes back from RAM
# in milliseconds.
_SPARE_SHARE = 0.75
# How long saving may take when the worker ends; the supervisor waits for a little longer.
_SAVING_S, _WRITING_S = 1.5, 2.5


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """`path` is the model's file; what it was loaded with is closed by whoever loaded it."""

    path: Path
    runtime: LlamaRuntime
    info: LoadedInfo
    template: TemplateChoice
    options: LoadOptions
    guesser: Guesser | None
    projection: Projection

    def service(self, emit: Callable[[FromWorker], None]) -> TextService:
        most = max(self.options.batch_tokens, self.options.slots)
        on_gpu = self.info.placement.layers_on_gpu > 0
        useful, full = (most, most) if on_gpu else (_CPU_USEFUL, _CPU_FULL)
        costs = CostCurve(most, useful, full)
        # On a small machine an image takes seconds, and silence would be taken for a stall.
        self.projection.progress = lambda: emit(Heartbeat(steps=0, live=0, queued=1))
        disk = self._disk()
        keep = disk.store if disk else _forget
        cache = PrefixCache(self.runtime, self.options.cache.ram_bytes, keep)
        target_s = self.options.step_s
        loop = EngineLoop(
            self.runtime,
            cache,
            costs,
            emit,
            target_s=target_s,
            most=most,
            disk=disk,
            watchdog=Watchdog(self.options.stall_s),
            guesser=self.guesser,
        )
        sizes = _GPU_MEASURED if on_gpu else _CPU_MEASURED
        loop.chores = Chores(
            [
                (0, lambda: cache.make_ready(self.runtime.places, self._spare_cells())),
                (0, Calibration(self.runtime, costs, loop.abort, sizes)),
                (_REST_S, lambda: disk is not None and cache.save_idle(_WORTH_KEEPING)),
            ],
            last=lambda: _save_all(cache, disk),
        )
        return TextService(loop, self.assembler, emit, self.options.warm_prompts)

    def _spare_cells(self) -> int:
        """How many cells are kept free for whoever asks next."""
        return int(self.info.context_length * _SPARE_SHARE)

    def _disk(self) -> DiskStates | None:
        """The disk tier, when it is wanted and the model's file can be told from others."""
        cache = self.options.cache
        if not (cache.folder and cache.disk_bytes):
            return None
        try:
            digest = model_digest(*shards_of(self.path))
        except OSError:
            return None
        parameters = {
            "kv_type": self.options.kv_type,
            "flash_attention": self.options.flash_attention,
            "layers_on_gpu": str(self.info.placement.layers_on_gpu),
        }
        identity = Identity(digest, self.runtime.build, parameters)
        return DiskStates(Path(cache.folder), identity, cache.disk_bytes, self.runtime.divisible)

    def assembler(self) -> Assembler:
        """Imports Jinja and compiles the template."""
        from hob.engine.prompts.template import make_renderer

        vocab = self.runtime.vocab
        render = make_renderer(
            self.template.source, bos_token=vocab.text(vocab.bos), eos_token=vocab.text(vocab.eos)
        )
        prompts = PromptBuilder(
            vocab,
            render,
            self.info.context_length,
            self.options.default_max_tokens,
            self.projection,
        )
        form = for_template(
            choose_format(self.template.source),
            takes_tools=render.takes_tools,
            thinks=render.thinks_by_default,
        )
        return Assembler(prompts, form, Constraints.of(vocab), MarkTable(vocab))


def _forget(_entry: Entry) -> None:
    """Without a disk tier, what the worker knows ends with it."""


def _save_all(cache: PrefixCache, disk: DiskStates | None) -> None:
    """At the end of the worker's life, as far as the time allows."""
    if disk is None:
        return
    until = time.monotonic() + _SAVING_S
    while time.monotonic() < until and cache.save_idle(_WORTH_KEEPING):
        pass
    disk.close(_WRITING_S)
