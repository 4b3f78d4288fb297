"""Templates for models that bring none."""

from __future__ import annotations

import pytest

from hob.engine.prompts.template import ChatTemplate
from hob.engine.prompts.templates_builtin import BUILTIN, ModelFacts, choose_template
from hob.wire.generate import ChatMessage

CONVERSATION = (
    ChatMessage(role="system", content="SYS"),
    ChatMessage(role="user", content="one"),
    ChatMessage(role="assistant", content="two"),
    ChatMessage(role="user", content="three"),
)

EXPECTED = {
    "chatml": "<|im_start|>system\nSYS<|im_end|>\n<|im_start|>user\none<|im_end|>\n"
    "<|im_start|>assistant\ntwo<|im_end|>\n<|im_start|>user\nthree<|im_end|>\n"
    "<|im_start|>assistant\n",
    "llama2": "[INST] <<SYS>>\nSYS\n<</SYS>>\n\none [/INST] two </s><s>[INST] three [/INST]",
    "llama3": "<|start_header_id|>system<|end_header_id|>\n\nSYS<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\none<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\ntwo<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nthree<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "mistral": "[INST] SYS\n\none [/INST] two</s>[INST] three [/INST]",
    "gemma": "<start_of_turn>user\nSYS\n\none<end_of_turn>\n"
    "<start_of_turn>model\ntwo<end_of_turn>\n"
    "<start_of_turn>user\nthree<end_of_turn>\n<start_of_turn>model\n",
    "phi": "<|system|>\nSYS<|end|>\n<|user|>\none<|end|>\n<|assistant|>\ntwo<|end|>\n"
    "<|user|>\nthree<|end|>\n<|assistant|>\n",
    "vicuna": "SYS\n\nUSER: one\nASSISTANT: two</s>\nUSER: three\nASSISTANT:",
    "alpaca": "SYS\n\n### Instruction:\none\n\n### Response:\ntwo</s>\n\n"
    "### Instruction:\nthree\n\n### Response:\n",
}


@pytest.mark.parametrize("name", BUILTIN)
def test_a_builtin_template_writes_what_its_models_were_trained_on(name: str) -> None:
    template = ChatTemplate(BUILTIN[name], bos_token="<s>", eos_token="</s>")
    assert template.render(CONVERSATION) == EXPECTED[name]


def facts(
    template: str = "", name: str = "", architecture: str = "llama", tokens: tuple[str, ...] = ()
) -> ModelFacts:
    return ModelFacts(template, name, architecture, tokens.__contains__)


CHOICES = {
    "chatml": facts(tokens=("<|im_start|>",), name="Mistral Instruct"),
    "llama3": facts(tokens=("<|start_header_id|>",)),
    "gemma": facts(tokens=("<start_of_turn>",), architecture="gemma3"),
    "phi": facts(architecture="phi3"),
    "mistral": facts(name="Mistral 7B Instruct v0.1"),
    "llama2": facts(name="llama2_7b_chat.Q4_0"),
    "vicuna": facts(name="Vicuna 13B"),
    "alpaca": facts(name="alpaca-7b"),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_model_without_a_template_gets_the_one_of_its_family(name: str) -> None:
    assert choose_template(CHOICES[name]).name == name


def test_the_files_own_template_goes_before_every_guess() -> None:
    choice = choose_template(facts(template="own", tokens=("<|im_start|>",)))
    assert (choice.name, choice.source) == ("model", "own")


def test_an_override_by_name_or_source_wins() -> None:
    assert choose_template(facts(template="own"), "gemma").source == BUILTIN["gemma"]
    assert choose_template(facts(template="own"), "{{ 1 }}").source == "{{ 1 }}"


def test_a_model_that_nothing_says_can_chat_gets_no_template() -> None:
    assert choose_template(facts(name="Llama 2 7B")).name == ""
