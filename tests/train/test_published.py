"""Losses, gradients and statistics of one training step against what the authors' code gave: every case that holds any.

Cases are found by being there. docs/training.md says the same calls in a table.
"""

import json

import numpy as np
import pytest

import golden

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie import nn  # noqa: E402
from kirie.nn.birefnet import BiRefNetMaps  # noqa: E402
from kirie.nn.birefnet_decoder import laplacian  # noqa: E402
from kirie.nn.build import FAMILIES  # noqa: E402
from kirie.nn.inspyrenet import InSPyReNetMaps  # noqa: E402
from kirie.nn.layers import DropPath  # noqa: E402
from kirie.nn.recognise import recognise  # noqa: E402
from kirie.train import losses  # noqa: E402
from kirie.train.rates import inspyrenet_rate  # noqa: E402

pytestmark = pytest.mark.torch

KNOWN = {
    "u2net": ("u2net_loss_96", "u2netp_loss_75x101", "u2netp_loss_96"),
    "isnet": ("isnet_loss_96",),
    "basnet": ("basnet_loss_96x64",),
    "inspyrenet": ("train_res2net50_192", "train_swinb_256"),
    "birefnet": ("loss-binary", "loss-soft", "swin_t-train", "swin_t-train-aux_cls"),
    "segformer": ("hf_b0_19_96x160_loss", "hf_b0_1_128_binary"),
}


def holds_losses(family, name):
    """Whether a case says anything of losses or of training; one that is not there counts."""
    path = golden.root() / family / name / "case.json"
    outputs = json.loads(path.read_text("utf-8"))["outputs"] if path.is_file() else ("loss",)
    return any(each.startswith(("loss", "train.", "grad")) for each in (name, *outputs)) or (
        "train" in name
    )


FOUND = [
    (family, name)
    for family, known in KNOWN.items()
    for name in golden.names(family, *known)
    if holds_losses(family, name)
]
NETWORKS = [each for each in FOUND if not each[1].startswith("loss-")]
ALONE = [each for each in FOUND if each not in NETWORKS]  # losses of stored maps, without a network
LEVELS = ("m4", "m3", "m2")  # of BiRefNet's side maps
DISTANCES = {"MSE": "mse", "KL": "kl", "MAE": "mae", "SmoothL1": "smooth_l1"}  # IS-Net's, to ours

# --- what a case's numbers are called here -----------------------------------------------------------------------------


def u2net(case, maps, truth):
    yield "loss.levels", losses.u2net_losses(maps, truth)
    yield "loss.total", losses.u2net_loss(maps, truth)


def isnet(case, maps, truth):
    yield "loss.levels", losses.isnet_losses(maps, truth)
    yield "loss.first", losses.isnet_losses(maps, truth)[0]
    yield "loss.total", losses.isnet_loss(maps, truth)
    if case.facts["config"]["class"] == "ISNetGTEncoder":
        return
    with torch.no_grad():
        encoded = encoder_of(case, truth.dtype).maps(truth)
    for theirs, ours in DISTANCES.items():
        yield f"loss.features.{theirs}", losses.isnet_feature_losses(maps, encoded, distance=ours)
        yield f"loss.total.{theirs}", losses.isnet_loss(maps, truth, encoded, distance=ours)


def basnet(case, maps, truth):
    for name, each in losses.basnet_losses(maps, truth)._asdict().items():
        yield f"loss.{name}", each
    yield "loss.total", losses.basnet_loss(maps, truth)


def inspyrenet(case, maps, truth):
    each = losses.inspyrenet_losses(maps, truth)
    yield "loss_wbce", each.bce
    yield "loss_iou", each.iou
    yield "loss_pc", each.consistency
    yield "loss", losses.inspyrenet_loss(maps, truth)[None]


def segformer(case, maps, labels):
    yield "loss.mmseg", losses.segformer_loss(maps, labels, average="all")
    # With one class transformers, too, divides by all pixels.
    average = "all" if maps.logits.shape[1] == 1 else "valid"
    yield "loss.hf", losses.segformer_loss(maps, labels, average=average)
    yield "loss.bce_valid_mean", losses.segformer_loss(maps, labels, average="valid")
    yield "loss.valid_fraction", (labels != losses.IGNORED).float().mean()


def birefnet(case, maps, truth):
    return ()


NUMBERS = {
    "u2net": u2net,
    "isnet": isnet,
    "basnet": basnet,
    "inspyrenet": inspyrenet,
    "segformer": segformer,
    "birefnet": birefnet,
}


def encoder_of(case, kind):
    """The ground-truth encoder of a case's losses: the case's seed and gain, the encoder's own published names."""
    net, layout = nn.build("isnet-gt-encoder"), FAMILIES["isnet"].published()[0]
    seed, gain = case.facts["seed"], case.facts["gain"]
    state = {
        name: golden.tensor(layout.published(name), value.shape, seed, gain)
        for name, value in net.state_dict().items()
    }
    net.load_state_dict({name: torch.from_numpy(np.asarray(each)) for name, each in state.items()})
    return net.eval().to(kind)


# --- a network with its losses -----------------------------------------------------------------------------------------


def loaded(case, folder):
    """(network, input, truth, published names of parameters), all in the case's own precision."""
    tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in case.weights().items()}
    path = folder / "net.pth"
    torch.save(tensors, path)
    size = case.facts["config"].get("base_size")
    net = nn.load(path, base_size=tuple(size) if size else None)
    path.unlink()
    kind = torch.float64 if "float64" in str(case.facts.get("dtype")) else torch.float32
    for module in net.modules():  # the cases were made without chance
        if isinstance(module, DropPath | torch.nn.Dropout | torch.nn.Dropout2d):
            module.p = 0.0
    image = torch.from_numpy(case.input()).to(kind)
    if "labels" in case.outputs:
        truth = torch.from_numpy(case.outputs["labels"]).long()
    else:
        stored = [case.outputs[name] for name in ("target", "gt") if name in case.outputs]
        truth = torch.from_numpy(stored[0]).to(kind) if stored else (image[:, :1] > 0.5).to(kind)
    if case.facts["config"].get("class") == "ISNetGTEncoder":
        image = truth
    layout = recognise(tensors, None, "net.pth").layout
    return net.to(kind), image, truth, layout.published


def same_kernels():
    """Whether this machine's convolutions add up in the order of the machine that the cases were made on.

    The float32 cases in training mode can be met to 1e-3 there alone: few pixels reach the deep levels, and rounding flips
    some ReLUs and maxima. Measured at the worst parameter: 2e-4 with AVX-512, 3e-2 with AVX2, 7e-2 with channels last, and
    float64 is 3e-2 away from all of them. A wrong weight of one map moves the norms by tens of per cent.
    """
    return (
        torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"
    )


def check_gradients(case, net, published):
    """The gradient's norm at every parameter, where the case holds them."""
    output = next(
        (name for name in ("train.grad_norms", "grad_norm") if name in case.outputs), None
    )
    if output is None:
        return
    names = case.facts.get("grad_keys") or case.facts["config"]["grad_names"]
    ours = {published(name): each.grad.norm().item() for name, each in net.named_parameters()}
    want, have = case.outputs[output].astype(np.float64), np.array([ours[name] for name in names])
    assert not set(case.facts.get("grad_none", ())) & set(names)
    double = next(net.parameters()).dtype == torch.float64
    near = 1e-3 if double or same_kernels() else 0.05
    # What a BatchNorm or a softmax cancels has no gradient but rounding: that is compared absolutely.
    np.testing.assert_allclose(have, want, rtol=near, atol=(1e-12 if double else 1e-5) * want.max())


@pytest.mark.parametrize(("family", "name"), NETWORKS)
def test_losses_and_one_step_are_the_published_ones(family, name, tmp_path):
    case = golden.load(family, name)
    net, image, truth, published = loaded(case, tmp_path)
    training = "train" in name or any(each.startswith("train.") for each in case.outputs)
    names = [each for each in case.outputs if each.startswith("loss")]
    if names and "train" not in name:
        with torch.no_grad():
            have = dict(NUMBERS[family](case, net.eval().maps(image), truth))
        for each in names:
            case.check(have[each], each)
    assert (names and "train" not in name) or training
    if training:
        check_step(case, net.train(), (image, truth), published)


def check_step(case, net, batch, published):
    """Maps, losses, gradients and statistics of one step in training mode."""
    image, truth = batch
    maps = net(image)
    have = {}
    for name, value in NUMBERS[case.facts["family"]](case, maps, truth):
        have |= {name: value, f"train.{name}": value}
    starts = "loss" if "train" in case.name else "train.loss"
    for name in [each for each in case.outputs if each.startswith(starts)]:
        case.check(have[name].detach(), name)
    check_maps(case, maps, image)
    if isinstance(maps, BiRefNetMaps):
        have["loss"] = losses.birefnet_loss(
            maps,
            (image[:, :1] > 0.5).float(),
            weights=losses.TASKS["General"],
            labels=torch.zeros(len(image)).long(),
        )
    total = next(have[each] for each in ("loss.total", "loss", "loss.mmseg") if each in have)
    total.sum().backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in net.parameters())
    check_gradients(case, net, published)
    buffers = {published(each): value for each, value in net.named_buffers()}
    for output, buffer in statistics(case):
        case.check(buffers[buffer], output)


def statistics(case):
    """(output, published buffer) of all that batch statistics change."""
    for name in case.outputs:
        if name.startswith("train.running"):
            _, statistic, layer = name.split(".", 2)
            yield name, f"{layer}.{statistic}"
        elif name.startswith(("after:", "after/")):
            yield name, name[len("after:") :]


def check_maps(case, maps, image):
    """The maps in training mode, of the families whose cases hold them."""
    if isinstance(maps, InSPyReNetMaps):
        have = dict(zip(("d3", "d2", "d1", "d0"), maps.saliency, strict=True))
        have |= dict(zip(("p2", "p1", "p0"), maps.laplacian, strict=True))
    elif isinstance(maps, BiRefNetMaps):
        have = dict(zip(LEVELS, maps.sides, strict=True)) | {"p1": maps.logits}
        for level, gate, reference in zip("432", maps.gradients, maps.references, strict=True):
            have |= {f"gdt_pred_{level}": gate, f"gdt_label_{level}": reference}
        have |= dict(zip(("class_logits",), maps.classes, strict=False))
        have["laplacian"] = laplacian(image)
    else:
        return
    found = [name for name in case.outputs if name in have]
    for name in found:
        case.check(have[name].detach(), name)
    assert found


@pytest.mark.parametrize(("family", "name"), ALONE)
def test_every_number_of_birefnet_s_loss(family, name):
    case = golden.load(family, name)
    given = {key: torch.from_numpy(value) for key, value in case.outputs.items()}
    leaf = {
        key: value.requires_grad_()
        for key, value in given.items()
        if key.startswith(("pred", "gdt"))
    }
    maps = BiRefNetMaps(
        leaf["pred_p1"],
        tuple(leaf[f"pred_{level}"] for level in LEVELS),
        tuple(leaf[f"gdt_pred_{n}"] for n in (4, 3, 2)),
        tuple(leaf[f"gdt_label_{n}"] for n in (4, 3, 2)),
        (given["class_logits"],),
        (),
    )
    truth, labels = given["gt"], given["class_labels"].long()
    check_terms(case, (*maps.sides, maps.logits), truth)
    check_totals(case, maps, truth, labels)
    for task in ("DIS5K", "General", "Matting"):
        terms = losses.birefnet_losses(maps, truth, weights=losses.TASKS[task]).terms
        wanted = (*maps.sides, maps.logits)
        gradients = torch.autograd.grad(torch.stack([*terms.values()]).sum(), wanted)
        for level, have in zip((*LEVELS, "p1"), gradients, strict=True):
            case.check(have, f"grad_{task}_{level}")
    gate = losses.birefnet_losses(maps, truth, weights={}).gradient
    gradients = torch.autograd.grad(gate, (*maps.gradients, *maps.references))
    names = [f"grad_gdt_{what}_{n}" for what in ("pred", "label") for n in (4, 3, 2)]
    for output, have in zip(names, gradients, strict=True):
        case.check(have, output)


def near(have, want):
    assert have.item() == pytest.approx(want, rel=1e-5, abs=1e-12)


def check_terms(case, maps, truth):
    """Each term of each map alone."""
    values = case.facts["values"]
    assert set(values["terms_unweighted"]) == set(losses.TERMS)
    for term, wanted in values["terms_unweighted"].items():
        each = losses.supervise(maps, truth, losses.TERMS[term], resize="maps")
        for have, level in zip(each, (*LEVELS, "p1"), strict=True):
            near(have, wanted[level])
    each = losses.supervise(maps, truth, losses.structure, resize="maps")
    for have, level in zip(each, (*LEVELS, "p1"), strict=True):
        near(have, values["structure_on_logits"][level])


def check_totals(case, maps, truth, labels):
    """The whole loss of each task, before its last epochs and in two of them."""
    values, published = case.facts["values"], case.facts["config"]["lambdas"]
    for name, wanted in values["totals"].items():
        task, _, phase = name.partition("/")
        weights = losses.late_weights(
            task, int(phase.removeprefix("finetune_epoch").replace("main", "0"))
        )
        theirs = {key: value for key, value in published[name].items() if value}
        assert theirs == pytest.approx({key: value for key, value in weights.items() if value})
        found = losses.birefnet_losses(maps, truth, weights=weights, labels=labels)
        total = torch.stack([*found.terms.values()]).sum()
        near(total, wanted["total"])
        for term, logged in wanted["logged_mean_over_scales"].items():
            near(found.terms.get(term, torch.zeros(())), 4 * logged)
        near(found.gradient, values["gdt"]["total"])
        near(found.classes, values["class_loss"])
        whole = losses.birefnet_loss(maps, truth, weights=weights, labels=labels)
        near(whole, (total + found.gradient + found.classes).item())


def test_the_learning_rate_of_inspyrenet():
    case = golden.load("inspyrenet", "recipe")
    facts = case.facts["config"]["polylr"]
    run = {"steps": facts["max_iteration"], "warm_up": facts["warmup_iteration"]}
    have = [
        [inspyrenet_rate(step, peak=peak, **run) for peak in facts["base_lrs"]]
        for step in facts["steps"]
    ]
    case.check(np.array(have), "polylr")


def test_inspyrenet_s_losses_of_one_map():
    case = golden.load("inspyrenet", "ops_64x96")
    x = torch.from_numpy(case.input())
    logits, truth = 3 * x.flip(-1), (x > 0.2).float()
    case.check(losses.weighted_bce(logits, truth)[None], "wbce")
    case.check(losses.pixel_iou(logits, truth)[None], "iou")
    case.check(losses.edge_weights(truth), "wbce_weight")
