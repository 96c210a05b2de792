import pytest
import torch

from medmnist_det.errors import InputError
from medmnist_det.reference.device import CPU, autocast, fast_precision, fused, pick_device
from medmnist_det.reference.processes import together

VARIABLES = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture
def has(monkeypatch):
    """Make the processor one with, or without, instructions for bfloat16."""

    def make(bf16=False, amx=False, held=None, onednn=True):
        for name, there in (("_is_avx512_bf16_supported", bf16), ("_is_amx_tile_supported", amx)):
            monkeypatch.setattr(torch.cpu, name, lambda there=there: there, raising=False)
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: onednn)
        for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
            monkeypatch.delenv(name, raising=False)
        if held is not None:
            monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", held)

    return make


def test_bfloat16_is_for_processors_with_instructions_for_it(has):
    has(bf16=True)
    assert fast_precision(CPU) == "bfloat16"
    has(amx=True)
    assert fast_precision(CPU) == "bfloat16"
    has()
    assert fast_precision(CPU) == "float32"
    has(bf16=True, onednn=False)
    assert fast_precision(CPU) == "float32"


@pytest.mark.parametrize(
    "held", ["SSE41", "AVX", "avx2", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"]
)
def test_onednn_s_own_switch_counts(has, held):
    has(bf16=True, held=held)
    assert fast_precision(CPU) == "float32"


@pytest.mark.parametrize("held", ["", "ALL", "AVX512_CORE_BF16", "avx512_core_amx", "AVX10_1_512"])
def test_a_switch_that_allows_the_instructions_changes_nothing(has, held):
    has(bf16=True, held=held)
    assert fast_precision(CPU) == "bfloat16"


def test_a_torch_that_cannot_tell_gets_float32(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert fast_precision(CPU) == "float32"


def test_nothing_that_a_mac_with_torch_2_4_refuses_is_asked_of_it():
    mps = torch.device("mps")
    assert fast_precision(mps) == "float32"
    assert not fused(mps)
    with autocast(mps, "float32"):
        pass


def test_devices_that_are_not_there_are_refused(monkeypatch):
    with pytest.raises(
        InputError, match="--device 'tpu' is not known: choose auto, cuda, mps, cpu"
    ):
        pick_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="process 1 finds 1 devices"):
        pick_device("cuda", 1)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"WORLD_SIZE": "2"}, "RANK is not set"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two'"),
        ({"WORLD_SIZE": ""}, "WORLD_SIZE is ''"),
        ({"WORLD_SIZE": "-1"}, "WORLD_SIZE is '-1'"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0'"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK is '2'"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "MASTER_PORT is not set"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "1"}, "MASTER_ADDR is not set"),
        (
            {"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "1", "MASTER_ADDR": "localhost"},
            "LOCAL_RANK is not set",
        ),
        (
            {
                "WORLD_SIZE": "2",
                "RANK": "0",
                "MASTER_PORT": "1",
                "MASTER_ADDR": "x",
                "LOCAL_RANK": "a",
            },
            "LOCAL_RANK is 'a'",
        ),
    ],
)
def test_half_of_torchrun_s_variables_is_refused(monkeypatch, variables, named):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    refused = pytest.raises(InputError, match=f"{named}; start them with torchrun, or unset")
    with refused, together("cpu"):
        pass
