"""BiRefNet against what the authors' networks returned, through `nn.load` of a file in the published layout."""

import numpy as np
import pytest

import golden
from inspected import filed, told

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie import nn  # noqa: E402
from kirie.errors import BadInput  # noqa: E402
from kirie.nn import mit  # noqa: E402
from kirie.nn.backbones import build_backbone  # noqa: E402
from kirie.nn.birefnet_blocks import (  # noqa: E402
    ATTENTIONS,
    Block,
    aligned,
)
from kirie.nn.birefnet_decoder import Decoder  # noqa: E402
from kirie.nn.birefnet_published import KEYS  # noqa: E402
from kirie.nn.birefnet_refine import Ender, Refiner, RefUNet, Stem  # noqa: E402
from kirie.nn.layers import rename  # noqa: E402

pytestmark = pytest.mark.torch

KNOWN = golden.names(
    "birefnet",
    *("swin_t-default", "swin_t-default-224x352", "swin_t-legacy_patch_order", "swin_l-default"),
    *("pvt_v2_b0-default", "pvt_v2_b2-default", "resnet50-default"),
    *("vgg16-default", "vgg16bn-default", "swin_t-cxt0", "swin_t-resblk", "swin_t-att_aspp"),
    *("swin_t-att_none", "swin_t-ipt_nosplit", "swin_t-scl_add", "swin_t-scl_none"),
    *("swin_t-squeeze_aspp_def_x3-cxt0", "swin_t-refunet_unused-128", "swin_t-ender_unused-128"),
    *("live-itself-128", "live-refunet-192", "live-refunet_direct-128", "live-refunet_ender-128"),
    *("live-refunet-iter2-128", "live-refunet-ipt_ms-128"),
)
MODULES = [name for name in KNOWN if name.startswith("refiner-")]
OTHERS = ("refiner-", "loss-", "foreground-")
TRAINING = [name for name in KNOWN if "-train" in name]
NETWORKS = [name for name in KNOWN if not name.startswith(OTHERS) and name not in TRAINING]

# published values → ours
PLAIN = {"BasicDecBlk": "basic", "ResBlk": "residual", "ASPP": "aspp", "": "none"}
SCALES = {"cat": "cat", "add": "add", "": "none"}
REFINE = {"RefUNet": "refunet", "itself": "itself", "Refiner": "refiner"}


def state(case):
    return {name: torch.from_numpy(np.asarray(value)) for name, value in case.weights().items()}


def written(folder, tensors, name):
    """A file as published, with or without what training puts in front; the layouts take turns."""
    if len(name) % 2:
        from safetensors.torch import save_file

        path = folder / "model.safetensors"
        save_file(tensors, path)
        return path
    path = folder / "BiRefNet-general-epoch_244.pth"
    torch.save({f"module._orig_mod.{key}": value for key, value in tensors.items()}, path)
    return path


def expected(case):
    """The options that a case's published configuration has here: those that a file tells, and those that leave no trace."""
    config = case.facts["config"]
    live = "refine" in config and "unused" not in case.name
    kind, _, count = config["squeeze_block"].partition("_x")
    deformable = "deformable-2023" if live else "deformable"
    names = PLAIN | {"ASPPDeformable": deformable}
    split = config["dec_ipt"] and config["dec_ipt_split"]
    sure = {
        "backbone": config["bb"],
        "context": config["cxt_num"],
        "squeeze": names[kind],
        "squeezes": int(count or 1),
        "block": names[config["dec_blk"]],
        "attention": names[config["dec_att"]],
        "inner": 64,
        "patches": "split" if split else "resized" if config["dec_ipt"] else "none",
        "sides": config["ms_supervision"],
        "gates": bool(config.get("out_ref")) and not live,
        "norm": "batch" if config["batch_size>1"] else "none",
        "auxiliary_classes": 219 if config["auxiliary_classification"] else 0,
    }
    likely = {}
    (sure if config["mul_scl_ipt"] == "cat" else likely)["scale_inputs"] = SCALES[
        config["mul_scl_ipt"]
    ]
    if config["dec_ipt"]:
        sure["deepest_patches"] = not live
    if split:
        likely["patch_order"] = "grid" if live or "legacy" in case.name else "colour"
    if live:
        sure |= {"refine": REFINE[config["refine"]], "ender": config["ender"]}
        likely["refine_tiles"] = config["scale"] if config["progressive_ref"] else 1
        likely["refine_iterations"] = config["refine_iteration"]
    return sure, likely


file = filed("birefnet", lambda folder, case: written(folder, state(case), case.name))


@pytest.fixture
def loaded(file):
    """(case, the network loaded from a file, the case's input)."""
    case, path = file
    sure, likely = expected(case)
    said = {name: value for name, value in likely.items() if value in ("add", "grid", 1, 2)}
    net = nn.load(path, **said)
    origin = net.origin
    assert origin.architecture == ("birefnet-2023" if "refine" in sure else "birefnet")
    assert (origin.family, origin.backbone) == ("birefnet", sure["backbone"])
    assert origin.options == {**sure, **likely}
    assert origin.assumed == likely
    assert origin.parameters <= case.facts.get("parameters", origin.parameters)
    return case, net, torch.from_numpy(case.input())


def watch(module, name, seen, *, before=False):
    """Note what a module gives, or takes, at its first call."""

    def note(_module, inputs, output):
        seen.setdefault(name, inputs[0] if before else output)

    module.register_forward_hook(note)


@pytest.mark.parametrize("file", NETWORKS, indirect=True)
def test_logits_are_the_published_ones(loaded):
    case, net, image = loaded
    inside = {}
    watch(net.backbone, "features", inside)
    watch(net.squeeze, "squeezed", inside)
    watch(net.squeeze[0], "encoded", inside, before=True)
    with torch.inference_mode():
        maps = net.maps(image)
        torch.testing.assert_close(net(image), maps.logits, rtol=0, atol=0)
    have = {f"bb_x{n}_every8": x[:, ::8] for n, x in enumerate(inside["features"], start=1)}
    have |= {"logits": maps.logits, "coarse": maps.passes[0] if maps.passes else None}
    have |= {"enc_x4_every32": inside["encoded"][:, ::32]}
    have |= {"squeezed_x4_every32": inside["squeezed"][:, ::32]}
    for name in case.outputs:
        case.check(have[name], name)
    unused = case.facts.get("unused_keys", [])
    assert all(any(key in note for note in net.origin.notes) for key in unused)


@pytest.mark.slow
@pytest.mark.parametrize("file", [*NETWORKS, *TRAINING], indirect=True)
def test_inspect_names_the_variant(file, capsys):
    case, path = file
    sure, likely = expected(case)
    facts = told(path, capsys)
    architecture = "birefnet-2023" if "refine" in sure else "birefnet"
    assert (facts["family"], facts["backbone"]) == ("birefnet", case.facts["config"]["bb"])
    assert facts["options"].items() >= {"architecture": architecture, **sure}.items()
    assert facts["assumed"].keys() == likely.keys()
    assert facts["options"].keys() == {"architecture", *sure, *likely}


# --- refiners --------------------------------------------------------------------------------------------------------


def refiner(stem, inputs):
    def block(*sizes):
        return Block(
            *sizes, attention=ATTENTIONS["deformable"], norm=torch.nn.BatchNorm2d, inner=64
        )

    backbone = build_backbone("pvt_v2_b2", inputs=inputs)
    return Refiner(
        stem,
        backbone,
        squeeze=block(512, 512),
        decoder=Decoder(backbone.channels, block=block, sides=True),
    )


MAKE = {
    "refiner-refunet-96": RefUNet,
    "refiner-stem-96": Stem,
    "refiner-stem_ln-96": lambda: Stem(batch=False),
    "refiner-ender-96": Ender,
    "refiner-bsl-pvt_v2_b2": lambda: refiner(Stem(), 3),
    "refiner-inch4-pvt_v2_b2": lambda: refiner(torch.nn.Identity(), 4),
}


@pytest.mark.parametrize("name", MODULES)
def test_refiners_are_the_published_ones(name):
    case = golden.load("birefnet", name)
    module = MAKE[name]().eval()
    keys = {**mit.keys("bb"), **KEYS}
    prefix = rename(case.facts["prefix"].rstrip("."), keys)
    tensors = {
        rename(key, keys).removeprefix(f"{prefix}."): value for key, value in state(case).items()
    }
    module.load_state_dict(tensors, strict=True)
    inside = {}
    if isinstance(module, RefUNet):
        watch(module.encoders[3], "encoder_4", inside)
        for n in (5, 4, 2):
            watch(module.decoders[5 - n], f"decoder_{n}", inside)
    with torch.inference_mode():
        outputs = module(torch.from_numpy(case.input()))
    inside = {f"{key}_every16": y[:, ::16] for key, y in inside.items()}
    if torch.is_tensor(outputs):
        inside["out"] = outputs
    else:
        inside |= dict(zip(("logits", "m2", "m3", "m4"), reversed(outputs), strict=False))
    for key in case.outputs:
        case.check(inside[key], key)


def test_the_stem_in_a_file_without_batch_norm_has_the_published_names():
    case = golden.load("birefnet", "refiner-stem_ln-96")
    names = {f"stem_layer.{name}" for name in Stem(batch=False).state_dict()}
    assert names == set(case.facts["keys"])


def test_tiles_of_any_shape_are_put_back_in_their_place():
    """The published loop mixes up the tiles' sides unless they are square."""
    net = nn.build(
        "birefnet-2023", backbone="mit_b0", refine="refunet", refine_tiles=2, attention="none"
    ).eval()
    image = torch.randn(2, 3, 128, 256)
    with torch.inference_mode():
        maps = net.maps(image)
        coarse = aligned(maps.passes[0], (128, 256))
        both = torch.cat((image, coarse), dim=1)
        tiles = [
            torch.cat([net.refinement.refiner(t)[-1] for t in row.chunk(2, dim=3)], dim=3)
            for row in both.chunk(2, dim=2)
        ]
    torch.testing.assert_close(maps.logits, torch.cat(tiles, dim=2), rtol=1e-4, atol=1e-5)
    with pytest.raises(BadInput, match="multiples of 64, not 96×64"):
        net(torch.zeros(1, 3, 96, 64))
