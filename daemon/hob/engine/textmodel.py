"""A model that writes text, ready to answer: runtime, cache, loop and preparation put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hob.engine.assembly import Assembler, for_template
from hob.engine.cache.prefixes import PrefixCache
from hob.engine.chores import Calibration, Chores
from hob.engine.costs import CostCurve
from hob.engine.grammar.constraints import Constraints
from hob.engine.llama import LlamaRuntime
from hob.engine.loop import EngineLoop
from hob.engine.output.formats import choose_format
from hob.engine.output.marks import MarkTable
from hob.engine.prompt import PromptBuilder
from hob.engine.service import TextService
from hob.engine.templates_builtin import TemplateChoice
from hob.wire.engine import FromWorker, LoadedInfo, LoadOptions

# What a step reads before it is known what steps cost: on a CPU larger ones read no faster.
_CPU_USEFUL, _CPU_FULL = 32, 128
_CPU_MEASURED = (1, 2, 4, 8, 16, 32, 64, 128)
_GPU_MEASURED = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
# Prefixes that were idle are saved from this length on, for the time after an unload.
_WORTH_KEEPING = 256


@dataclass(frozen=True, slots=True)
class LoadedModel:
    runtime: LlamaRuntime
    info: LoadedInfo
    template: TemplateChoice
    options: LoadOptions

    def service(self, emit: Callable[[FromWorker], None]) -> TextService:
        most = max(self.options.batch_tokens, self.options.slots)
        on_gpu = self.info.placement.layers_on_gpu > 0
        useful, full = (most, most) if on_gpu else (_CPU_USEFUL, _CPU_FULL)
        costs = CostCurve(most, useful, full)
        cache = PrefixCache(self.runtime, self.options.cache.ram_bytes)
        loop = EngineLoop(self.runtime, cache, costs, emit, target_s=self.options.step_s, most=most)
        sizes = _GPU_MEASURED if on_gpu else _CPU_MEASURED
        loop.chores = Chores(
            [
                Calibration(self.runtime, costs, loop.abort, sizes),
                lambda: cache.save_idle(_WORTH_KEEPING),
            ]
        )
        return TextService(loop, self.assembler, emit)

    def assembler(self) -> Assembler:
        """Imports Jinja and compiles the template."""
        from hob.engine.template import make_renderer

        vocab = self.runtime.vocab
        render = make_renderer(
            self.template.source, bos_token=vocab.text(vocab.bos), eos_token=vocab.text(vocab.eos)
        )
        prompts = PromptBuilder(
            vocab, render, self.info.context_length, self.options.default_max_tokens
        )
        form = for_template(
            choose_format(self.template.source),
            takes_tools=render.takes_tools,
            thinks=render.thinks_by_default,
        )
        return Assembler(prompts, form, Constraints.of(vocab), MarkTable(vocab))
