"""What llama.cpp says that it took, from lines of its log."""

from __future__ import annotations

from hob.engine.native.taken import Taken, device_of

MIB = 2**20
ON_CPU = """load_tensors:   CPU_Mapped model buffer size =   235.16 MiB
load_tensors:   CPU_REPACK model buffer size =    12.66 MiB
llama_context:        CPU  output buffer size =    29.00 MiB
llama_kv_cache:        CPU KV buffer size =    24.00 MiB
llama_kv_cache:        CPU KV buffer size =   120.00 MiB
sched_reserve:        CPU compute buffer size =   500.00 MiB
sched_reserve:        CPU compute buffer size =   514.50 MiB
"""
ON_GPU = """load_tensors:   CPU_Mapped model buffer size =   100.00 MiB
load_tensors:        CUDA0 model buffer size =  4000.00 MiB
llama_context:  CUDA_Host  output buffer size =     2.00 MiB
llama_kv_cache:      CUDA0 KV buffer size =   512.00 MiB
llama_memory_recurrent:      CUDA0 RS buffer size =    16.00 MiB
sched_reserve:      CUDA0 compute buffer size =   300.00 MiB
sched_reserve:  CUDA_Host compute buffer size =    20.00 MiB
"""


def taken(*texts: str) -> Taken:
    found = Taken()
    found.begin()
    for line in "".join(texts).splitlines():
        found.read(line)
    return found


def test_the_buffers_of_main_memory_are_added_by_what_they_are_for() -> None:
    (need,) = taken(ON_CPU).needs(())
    assert need.device == "cpu"
    assert need.kv_bytes == 144 * MIB
    assert need.compute_bytes == round(543.5 * MIB)
    assert need.process_bytes > MIB


def test_weights_that_were_repacked_count_once() -> None:
    (need,) = taken(ON_CPU).needs(())
    assert need.weight_bytes == round(235.16 * MIB)


def test_each_device_has_its_own_line() -> None:
    main, card = taken(ON_GPU).needs(("CUDA0",), projector_bytes=7)
    assert (main.weight_bytes, main.kv_bytes, main.compute_bytes) == (100 * MIB, 0, 22 * MIB)
    assert (card.device, card.weight_bytes, card.kv_bytes) == ("CUDA0", 4000 * MIB, 528 * MIB)
    assert (card.compute_bytes, card.projector_bytes) == (300 * MIB, 7)
    assert (main.projector_bytes, card.process_bytes) == (0, 0)


def test_the_model_that_guesses_is_counted_with_the_one_it_guesses_for() -> None:
    (need,) = taken(ON_CPU, ON_CPU).needs(())
    assert need.kv_bytes == 288 * MIB
    assert need.compute_bytes == round(2 * 543.5 * MIB)


def test_another_try_begins_at_nothing() -> None:
    found = taken(ON_GPU)
    found.begin()
    for line in ON_CPU.splitlines():
        found.read(line)
    (need,) = found.needs(("CUDA0",))
    assert need.kv_bytes == 144 * MIB


def test_other_lines_say_nothing() -> None:
    (need,) = taken(
        "print_info: model size = 90 MiB\nllama: CPU KV buffer size = many MiB\n"
    ).needs(())
    assert need.total_bytes == need.process_bytes


def test_buffers_belong_to_the_device_that_they_are_named_for() -> None:
    gpus = ["CUDA0", "CUDA1", "CUDA10"]
    names = ("CUDA1", "CUDA10", "CUDA1_Mapped", "CUDA_Host", "CPU_Mapped", "CUDA_Split")
    assert [device_of(name, gpus) for name in names] == [
        "CUDA1",
        "CUDA10",
        "CUDA1",
        "cpu",
        "cpu",
        "CUDA0",
    ]
    assert device_of("CUDA_Host", ()) == "cpu"
