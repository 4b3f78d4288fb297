"""The names of files as publishers give them, and what people type for them."""

from __future__ import annotations

import pytest

from hob.errors import ModelAmbiguous, ModelNotFound
from hob.models.gguf.describe import Description
from hob.models.names import make_name, match, unique_names

NAMES = {
    "SmolLM2-135M-Instruct-Q4_1": "smollm2:135m-instruct-q4_1",
    "Qwen3-4B-Instruct-2507-Q4_K_M": "qwen3:4b-instruct-2507-q4_k_m",
    "Qwen3-4B-Thinking-2507-Q4_K_M": "qwen3:4b-thinking-2507-q4_k_m",
    "Qwen3-0.6B-Q8_0": "qwen3:0.6b-q8_0",
    "Qwen_Qwen3-8B-Q4_K_M": "qwen3:8b-q4_k_m",
    "Qwen3-30B-A3B-UD-Q4_K_XL": "qwen3:30b-a3b-ud-q4_k_xl",
    "Qwen3-30B-A3B-Q4_K_M": "qwen3:30b-a3b-q4_k_m",
    "Qwen3-235B-A22B-Instruct-2507-Q3_K_M-00001-of-00003": "qwen3:235b-a22b-instruct-2507-q3_k_m",
    "Qwen3-Coder-30B-A3B-Instruct-IQ4_NL": "qwen3-coder:30b-a3b-instruct-iq4_nl",
    "Qwen2.5-Coder-7B-Instruct-Q6_K": "qwen2.5-coder:7b-instruct-q6_k",
    "qwen2.5-0.5b-instruct-fp16": "qwen2.5:0.5b-instruct-f16",
    "Qwen3-Embedding-0.6B-f16": "qwen3-embedding:0.6b-f16",
    "Qwen3-Reranker-0.6B.Q8_0": "qwen3-reranker:0.6b-q8_0",
    "Qwen2.5-VL-3B-Instruct-Q4_K_M": "qwen2.5-vl:3b-instruct-q4_k_m",
    "QwQ-32B-Q4_K_M": "qwq:32b-q4_k_m",
    "gemma-3n-E4B-it-UD-Q4_K_XL": "gemma-3n:e4b-it-ud-q4_k_xl",
    "gemma-3n-E4B-it-Q4_K_M": "gemma-3n:e4b-it-q4_k_m",
    "gemma-3-270m-q4_k_m": "gemma-3:270m-q4_k_m",
    "gemma-3-4b-it-qat-q4_0": "gemma-3:4b-it-qat-q4_0",
    "google_gemma-3-12b-it-Q5_K_M": "gemma-3:12b-it-q5_k_m",
    "gemma-2-2b-it-Q4_K_M": "gemma-2:2b-it-q4_k_m",
    "embeddinggemma-300M-Q8_0": "embeddinggemma:300m-q8_0",
    "Meta-Llama-3.1-8B-Instruct-Q5_K_S": "llama-3.1:8b-instruct-q5_k_s",
    "Llama-3.2-1B-Instruct-IQ4_XS": "llama-3.2:1b-instruct-iq4_xs",
    "Llama-3.3-70B-Instruct-Q4_K_M": "llama-3.3:70b-instruct-q4_k_m",
    "Llama-4-Scout-17B-16E-Instruct-UD-Q2_K_XL": "llama-4-scout:17b-16e-instruct-ud-q2_k_xl",
    "Llama-3_3-Nemotron-Super-49B-v1-Q4_K_M": "llama-3_3-nemotron-super:49b-v1-q4_k_m",
    "llama-2-7b-chat.Q4_K_M": "llama-2:7b-chat-q4_k_m",
    "codellama-7b-instruct.Q4_K_M": "codellama:7b-instruct-q4_k_m",
    "tinyllama-1.1b-chat-v1.0.Q4_K_M": "tinyllama:1.1b-chat-v1.0-q4_k_m",
    "Hermes-3-Llama-3.1-8B.Q4_K_M": "hermes-3-llama-3.1:8b-q4_k_m",
    "gpt-oss-20b-mxfp4": "gpt-oss:20b-mxfp4",
    "gpt-oss-120b-MXFP4-00001-of-00003": "gpt-oss:120b-mxfp4",
    "gpt-oss-20b-F16": "gpt-oss:20b-f16",
    "DeepSeek-R1-Distill-Qwen-1.5B-IQ4_XS": "deepseek-r1-distill-qwen:1.5b-iq4_xs",
    "DeepSeek-R1-0528-Qwen3-8B-Q4_K_M": "deepseek-r1-0528-qwen3:8b-q4_k_m",
    "DeepSeek-R1-Distill-Llama-8B-Q4_K_M": "deepseek-r1-distill-llama:8b-q4_k_m",
    "deepseek-coder-6.7b-instruct.Q4_K_M": "deepseek-coder:6.7b-instruct-q4_k_m",
    "DeepSeek-V3-0324-UD-IQ1_S-00001-of-00004": "deepseek-v3-0324:ud-iq1_s",
    "mistral-7b-instruct-v0.2.Q4_K_M": "mistral:7b-instruct-v0.2-q4_k_m",
    "mistralai_Mistral-Small-24B-Instruct-2501-Q4_K_M": "mistral-small:24b-instruct-2501-q4_k_m",
    "Mixtral-8x7B-Instruct-v0.1-Q5_K_S": "mixtral:8x7b-instruct-v0.1-q5_k_s",
    "Devstral-Small-2507-Q4_K_M": "devstral-small-2507:q4_k_m",
    "Magistral-Small-2506_Q8_0": "magistral-small-2506:q8_0",
    "Codestral-22B-v0.1-Q4_K_M": "codestral:22b-v0.1-q4_k_m",
    "Mistral-Nemo-Instruct-2407-Q4_K_M": "mistral-nemo-instruct-2407:q4_k_m",
    "Phi-3.5-mini-instruct-Q4_K_M": "phi-3.5-mini-instruct:q4_k_m",
    "Phi-3-mini-4k-instruct-q4": "phi-3-mini-4k-instruct:q4",
    "Phi-3-mini-128k-instruct.Q4_0": "phi-3-mini-128k-instruct:q4_0",
    "Phi-4-mini-instruct-Q4_K_M": "phi-4-mini-instruct:q4_k_m",
    "phi-4-Q4_K_M": "phi-4:q4_k_m",
    "phi-2.Q4_K_M": "phi-2:q4_k_m",
    "microsoft_Phi-4-reasoning-plus-Q4_K_M": "phi-4-reasoning-plus:q4_k_m",
    "bge-m3-Q8_0": "bge-m3:q8_0",
    "bge-reranker-v2-m3-Q8_0": "bge-reranker-v2-m3:q8_0",
    "nomic-embed-text-v1.5.f16": "nomic-embed-text-v1.5:f16",
    "nomic-embed-text-v2-moe.Q4_K_M": "nomic-embed-text-v2-moe:q4_k_m",
    "mxbai-embed-large-v1-f16": "mxbai-embed-large-v1:f16",
    "all-MiniLM-L6-v2-ggml-model-f16": "all-minilm-l6-v2:f16",
    "jina-reranker-v1-tiny-en-FP16": "jina-reranker-v1-tiny-en:f16",
    "snowflake-arctic-embed-m-v1.5.F32": "snowflake-arctic-embed-m-v1.5:f32",
    "granite-3.1-2b-instruct-Q4_K_M": "granite-3.1:2b-instruct-q4_k_m",
    "granite-3.3-8b-instruct-Q4_K_M": "granite-3.3:8b-instruct-q4_k_m",
    "granite-4.0-h-tiny-Q4_K_M": "granite-4.0-h-tiny:q4_k_m",
    "LFM2-1.2B-Q4_K_M": "lfm2:1.2b-q4_k_m",
    "LFM2-8B-A1B-Q4_K_M": "lfm2:8b-a1b-q4_k_m",
    "LFM2-VL-450M-Q8_0": "lfm2-vl:450m-q8_0",
    "SmolVLM-500M-Instruct-Q8_0": "smolvlm:500m-instruct-q8_0",
    "SmolVLM2-2.2B-Instruct-Q4_K_M": "smolvlm2:2.2b-instruct-q4_k_m",
    "SmolLM3-3B-Q4_K_M": "smollm3:3b-q4_k_m",
    "mmproj-SmolVLM-500M-Instruct-Q8_0": "mmproj-smolvlm:500m-instruct-q8_0",
    "stablelm-2-zephyr-1_6b-Q4_1": "stablelm-2-zephyr:1.6b-q4_1",
    "OLMo-2-1124-7B-Instruct-Q4_K_M": "olmo-2-1124:7b-instruct-q4_k_m",
    "exaone-3.5-2.4b-instruct.Q4_K_M": "exaone-3.5:2.4b-instruct-q4_k_m",
    "EXAONE-4.0-1.2B-BF16": "exaone-4.0:1.2b-bf16",
    "GLM-4.5-Air-Q4_K_M": "glm-4.5-air:q4_k_m",
    "GLM-4-9B-0414-Q4_K_M": "glm-4:9b-0414-q4_k_m",
    "THUDM_GLM-Z1-9B-0414-Q4_K_M": "glm-z1:9b-0414-q4_k_m",
    "Kimi-K2-Instruct-UD-TQ1_0-00001-of-00005": "kimi-k2-instruct:ud-tq1_0",
    "c4ai-command-r7b-12-2024-Q4_K_M": "c4ai-command-r7b-12-2024:q4_k_m",
    "aya-expanse-8b-Q4_K_M": "aya-expanse:8b-q4_k_m",
    "falcon-7b-q4_0": "falcon:7b-q4_0",
    "Falcon-H1-1.5B-Instruct-Q8_0": "falcon-h1:1.5b-instruct-q8_0",
    "starcoder2-3b.Q4_K_M": "starcoder2:3b-q4_k_m",
    "rwkv7-2.9B-world-Q4_K_M": "rwkv7:2.9b-world-q4_k_m",
    "mamba-130m-hf.Q8_0": "mamba:130m-hf-q8_0",
    "MiniCPM-V-2_6-Q4_K_M": "minicpm-v-2_6:q4_k_m",
    "llava-v1.6-mistral-7b.Q4_K_M": "llava-v1.6-mistral:7b-q4_k_m",
    "Yi-1.5-9B-Chat.Q6_K": "yi-1.5:9b-chat-q6_k",
    "SOLAR-10.7B-Instruct-v1.0.Q4_K_M": "solar:10.7b-instruct-v1.0-q4_k_m",
    "zephyr-7b-beta.i1-Q4_K_M": "zephyr:7b-beta.i1-q4_k_m",
    "NVIDIA-Nemotron-Nano-9B-v2-Q4_K_M": "nvidia-nemotron-nano:9b-v2-q4_k_m",
    "Seed-OSS-36B-Instruct-UD-Q4_K_XL": "seed-oss:36b-instruct-ud-q4_k_xl",
    "Hunyuan-7B-Instruct-0124.Q4_K_M": "hunyuan:7b-instruct-0124-q4_k_m",
    "ERNIE-4.5-21B-A3B-PT-Q4_K_M": "ernie-4.5:21b-a3b-pt-q4_k_m",
    "Apertus-8B-Instruct-2509-Q4_K_M": "apertus:8b-instruct-2509-q4_k_m",
    "Jan-nano-128k-Q8_0": "jan-nano-128k:q8_0",
    "My Model 7B Q4_K_M": "my-model:7b-q4_k_m",
    "Qwen2.5-7B-Instruct-Q4_K_M-imat": "qwen2.5:7b-instruct-q4_k_m-imat",
    "bitnet-b1.58-2B-4T-TQ1_0": "bitnet-b1.58:2b-4t-tq1_0",
}


@pytest.mark.parametrize("stem", NAMES)
def test_a_publishers_file_gets_a_readable_name(stem: str) -> None:
    assert make_name(stem, Description()) == NAMES[stem]


def test_all_of_them_are_told_apart() -> None:
    assert len(NAMES) >= 60
    assert len(set(NAMES.values())) == len(NAMES)


@pytest.mark.parametrize("stem", NAMES)
def test_the_header_does_not_overrule_what_the_file_is_called(stem: str) -> None:
    """A UD-Q4_K_XL says Q4_K_M in its header, and a fine-tune the name of its base."""
    about = Description(title="Base", base_name="Base", quantization="Q4_K_M", architecture="llama")
    name = make_name(stem, about)
    assert name == NAMES[stem] or name == f"{NAMES[stem]}-q4_k_m"


@pytest.mark.parametrize(
    ("stem", "folder", "about", "name"),
    [
        (
            "model",
            "",
            Description(title="Qwen3 4B Instruct 2507", base_name="Qwen3", quantization="Q8_0"),
            "qwen3:4b-instruct-2507-q8_0",
        ),
        ("model", "Qwen3-4B-GGUF", Description(title="x", quantization="Q8_0"), "qwen3:4b-q8_0"),
        ("model-q4_0", "Phi-4-mini", Description(), "phi-4-mini:q4_0"),
        ("model", "models", Description(base_name="Foo", size_label="2B"), "foo:2b"),
        (
            "sha256-" + "ab" * 32,
            "blobs",
            Description(title="Llama 3.2 1B Instruct", quantization="Q8_0"),
            "llama-3.2:1b-instruct-q8_0",
        ),
        ("cd" * 32, "snapshots", Description(architecture="llama"), "cd" * 32),
        ("model-00001-of-00002", "", Description(title="Big One"), "big-one"),
        ("Qwen3-0.6B-Q8_0 (1)", "", Description(), "qwen3:0.6b-q8_0"),
        ("Qwen3-0.6B-Q8_0 - Copy", "", Description(), "qwen3:0.6b-q8_0"),
        ("phi-4-Q4_K_M", "", Description(size_label="15B"), "phi-4:15b-q4_k_m"),
        ("GLM-4.5-Air-Q4_K_M", "", Description(size_label="128x9.4B"), "glm-4.5-air:q4_k_m"),
    ],
)
def test_what_the_file_does_not_say_its_folder_and_header_do(
    stem: str, folder: str, about: Description, name: str
) -> None:
    assert make_name(stem, about, folder) == name


def test_a_name_stays_when_the_file_is_cased_or_separated_otherwise() -> None:
    for stem in ("SmolLM2-135M-Instruct-Q4_1", "smollm2-135m-instruct.q4_1"):
        assert make_name(stem, Description()) == "smollm2:135m-instruct-q4_1"


def test_copies_beside_each_other_are_told_apart() -> None:
    stems = ("Qwen3-0.6B-Q8_0", "Qwen3-0.6B-Q8_0 (1)", "Qwen3-0.6B-Q8_0 (2)")
    names = unique_names({f"/m/{stem}.gguf": make_name(stem, Description()) for stem in stems})
    assert len(set(names.values())) == 3


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("135m", "smollm2:135m-instruct-q4_1"),
        ("smollm2", "smollm2:135m-instruct-q4_1"),
        ("smollm", ""),
        ("qwen 4b", ""),
        ("qwen 4b thinking", "qwen3:4b-thinking-2507-q4_k_m"),
        ("thinking 4b", "qwen3:4b-thinking-2507-q4_k_m"),
        ("0.6b reranker", "qwen3-reranker:0.6b-q8_0"),
        ("coder 7b", "qwen2.5-coder:7b-instruct-q6_k"),
        ("gpt-oss:120b", "gpt-oss:120b-mxfp4"),
        ("gpt-oss 20b mxfp4", "gpt-oss:20b-mxfp4"),
        ("llama3.2:1b", "llama-3.2:1b-instruct-iq4_xs"),
        ("llama3.2", "llama-3.2:1b-instruct-iq4_xs"),
        ("llama3.3:latest", "llama-3.3:70b-instruct-q4_k_m"),
        ("phi4", "phi-4:q4_k_m"),
        ("phi-4", "phi-4:q4_k_m"),
        ("bge-m3", "bge-m3:q8_0"),
        ("QwQ", "qwq:32b-q4_k_m"),
        ("hf:HuggingFaceTB/SmolLM2-135M-Instruct-GGUF:Q4_1", "smollm2:135m-instruct-q4_1"),
        ("hf:bartowski/SmolLM2-135M-Instruct-GGUF:Q4", "smollm2:135m-instruct-q4_1"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct-GGUF", "smollm2:135m-instruct-q4_1"),
        ("hf.co/unsloth/gpt-oss-20b-GGUF:F16", "gpt-oss:20b-f16"),
        ("https://huggingface.co/google/gemma-3-270m", "gemma-3:270m-q4_k_m"),
        ("ggml-org/gemma-3-270m-GGUF:latest", "gemma-3:270m-q4_k_m"),
        ("~/Downloads/LFM2-1.2B-Q4_K_M.gguf", "lfm2:1.2b-q4_k_m"),
    ],
)
def test_any_unambiguous_part_finds_it(wanted: str, name: str) -> None:
    if name:
        assert match(tuple(NAMES.values()), wanted) == name
    else:
        with pytest.raises(ModelAmbiguous) as caught:
            match(tuple(NAMES.values()), wanted)
        assert caught.value.hint.startswith("Say which: ")


@pytest.mark.parametrize("stem", NAMES)
def test_every_file_is_found_by_its_own_name_and_by_hobs(stem: str) -> None:
    names = tuple(NAMES.values())
    assert match(names, NAMES[stem]) == NAMES[stem]
    assert match(names, NAMES[stem].upper()) == NAMES[stem]


@pytest.mark.parametrize("wanted", ["gpt-4", "gpt-4o", "4", "llama", "q4_k_m", "b", "claude"])
def test_what_is_too_little_or_another_model_is_not_guessed(wanted: str) -> None:
    with pytest.raises((ModelAmbiguous, ModelNotFound)):
        match(tuple(NAMES.values()), wanted)


def test_a_name_is_never_taken_for_one_that_only_begins_like_it() -> None:
    with pytest.raises(ModelNotFound):
        match(("gpt4all:7b-q4_0",), "gpt-4")
    with pytest.raises(ModelNotFound):
        match(("qwen3:14b-q4_k_m",), "qwen3:4b")


def test_aliases_are_names() -> None:
    names = tuple(NAMES.values())
    aliases = {"Fast": "smollm2:135m-instruct-q4_1", "gone": "not:there", "phi-4": "qwq:32b-q4_k_m"}
    assert match(names, "fast", aliases) == "smollm2:135m-instruct-q4_1"
    assert match(names, "fast:latest", aliases) == "smollm2:135m-instruct-q4_1"
    assert match(names, "phi-4", aliases) == "qwq:32b-q4_k_m"
    with pytest.raises(ModelNotFound):
        match(names, "gone", aliases)
    with pytest.raises(ModelNotFound, match="Did you mean fastest"):
        match(names, "fastst", {"fastest": "qwq:32b-q4_k_m"})
