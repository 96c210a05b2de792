"""Learning to vote: a trial step on every rater's labels says whose names to take."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional

from annotators.learn.parts.objects import objects_of
from medmnist_det.folder import Folder
from medmnist_det.labels import Split
from medmnist_det.reference.criterion import Criterion, Step
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.loss import Targets
from medmnist_det.reference.teacher import Teacher

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


class Vote(Teacher):
    """Learns how much each rater's name of an object counts (Wang et al., learning to vote).

    In every step, for every rater m: a trial step of size ``.2`` against the loss of the names that
    m gave in the batch; what the detector would then say of each object is the feature F_m. Weights
    are w = softmax(W [F_1 .. F_R] + b) over the raters who drew the object, its label is
    sum_m w_m y_m, each class sharpened by 1 / (1 + exp(-50 (y - .5))). On this label the detector
    learns, and through it W and b. What is undefined for detection, or for more than two classes,
    is decided thus:

    - Boxes of one object are grouped before and fused without a look at names
      (:mod:`annotators.learn.parts.objects`). A rater who missed it has no vote on its name.
    - The trial step is one of the heads' class rows alone. They are convolutions of 1 x 1, so that
      what the stepped head says has a closed form (:func:`tried`).
    - An object is looked at where it is taught in any case: in the cell of its centre, at the
      anchor that is nearest in shape.
    - F_m is the distribution over the classes after the step: before it, the net is the same for
      all raters.
    - What sharpening takes from the classes without a half of the votes is spread as the votes are
      (:func:`sharpened`): cross entropy needs a distribution. Were it given to the class of most
      votes, two liars who agree by chance would outvote one who is right from the beginning, and
      the detector would learn, and confirm, that nothing is what it is.

    W and b begin at 0: with majority vote. One rater alone has all the weight, and where one looked
    at an image that one's names are taken: there it is the same as ``majority-vote`` without
    doubtful objects.
    """

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return the objects of the crowd with all reports, under their majority's name."""
        return objects_of(folder.crowd(split)).lessons()

    def criterion(self, lessons: Lessons) -> Criterion:
        """Return a vote in which all raters count alike."""
        raters = 1 if lessons.reports is None else lessons.reports.shape[1]
        return Weighing(raters, len(lessons.label_set.classes))


# The trial step: its size, and the sharpening of the fused label.
_STEP = 0.2
_STEEP, _MIDDLE = 50.0, 0.5
# Learning rate of W and b in those of the detector.
_PACE = 3.0


class Weighing(Criterion):
    """Fuses the names of every object of a batch before they are taught."""

    lr = _PACE

    def __init__(self, raters: int, classes: int) -> None:
        super().__init__()
        self.weigh = torch.nn.Linear(raters * classes, raters)
        for one in self.weigh.parameters():
            torch.nn.init.zeros_(one)

    def begin(self, step: Step) -> Targets:
        """Return the targets with the fused names; weights and boxes stay."""
        targets = step.targets
        image, place = (targets.weight > 0).nonzero(as_tuple=True)
        if len(image) == 0:
            return targets
        sights = look(step, image, place)
        names, drew = names_of(targets.reports[image, place], targets.classes.shape[-1])
        label = self.fused(sights, names, drew)
        classes = targets.classes.index_put((image, place), label)
        return targets._replace(classes=classes)

    def penalty(self) -> Tensor:
        """Return 0: processes that train together need every parameter in every step's loss."""
        return torch.stack([0 * one.sum() for one in self.parameters()]).sum()

    def fused(
        self, sights: Sights, names: Float[Tensor, "n R l"], drew: Bool[Tensor, "n R"]
    ) -> Float[Tensor, "n l"]:
        """Return the label of every object. Rows sum to 1."""
        weight = self.weights(tried(sights, names, drew), drew)
        return sharpened((weight[..., None] * names).sum(dim=1))

    def weights(
        self, logits: Float[Tensor, "n R l"], drew: Bool[Tensor, "n R"]
    ) -> Float[Tensor, "n R"]:
        """Return the weight of every rater's name of every object; 0 where there is none."""
        vote = self.weigh(logits.softmax(dim=-1).flatten(1))
        return vote.masked_fill(~drew, -torch.inf).softmax(dim=-1)

    @torch.no_grad()
    def by_class(self) -> Float[Tensor, "R l"]:
        """Return the weights of raters who all name an object that is surely of a class.

        Columns sum to 1.
        """
        raters = self.weigh.out_features
        sure = torch.eye(self.weigh.in_features // raters, device=self.weigh.weight.device)
        return self.weigh(sure.repeat(1, raters)).softmax(dim=-1).T


class Sights(NamedTuple):
    """What the heads see and say of objects, a row each."""

    #: Of its own scale, filled up with zeros to the width of the widest.
    features: Float[Tensor, "n c"]
    #: Which head, and which of its anchors: rows of the heads that learn together.
    head: Int[Tensor, " n"]
    #: Logits of the classes.
    logits: Float[Tensor, "n l"]


def look(step: Step, image: Int[Tensor, " n"], place: Int[Tensor, " n"]) -> Sights:
    """Return what the heads see and say of lessons, in the cell of each one's centre."""
    box = step.targets.box[image, place]
    scale, anchor = _nearest(box, step.model.anchors)
    width = max(one.shape[1] for one in step.features)
    logits = box.new_zeros(len(box), step.targets.classes.shape[-1])
    features = box.new_zeros(len(box), width)
    for k, stride in enumerate(step.model.size.strides):
        seen, said = step.features[k], step.outputs[k]
        high, wide = seen.shape[2:]
        centre = (box[:, :2] + box[:, 2:]) / (2 * stride)
        x, y = centre.clamp(min=0).minimum(box.new_tensor([wide, high]) - 1).long().T
        # Rows of tables: the gradient of any other way to pick them costs as much as a whole step.
        cell = ((image * said.shape[1] + anchor) * high + y) * wide + x
        mine = (scale == k)[:, None]
        logits = torch.where(mine, said.flatten(0, 3).index_select(0, cell)[:, 5:], logits)
        table = seen.permute(0, 2, 3, 1).flatten(0, 2)
        own = table.index_select(0, (image * high + y) * wide + x).float()
        features = torch.where(mine, functional.pad(own, (0, width - own.shape[1])), features)
    return Sights(features, scale * step.model.anchors.shape[1] + anchor, logits)


def _nearest(
    box: Float[Tensor, "n 4"], anchors: Float[Tensor, "scales a 2"]
) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """Return the scale and the anchor that are nearest in shape."""
    ratio = (box[:, 2:] - box[:, :2]).clamp(min=1e-3)[:, None] / anchors.flatten(0, 1)
    best = torch.maximum(ratio, 1 / ratio).amax(dim=-1).argmin(dim=1)
    return best // anchors.shape[1], best % anchors.shape[1]


def names_of(
    reports: Float[Tensor, "n R"], classes: int
) -> tuple[Float[Tensor, "n R l"], Bool[Tensor, "n R"]]:
    """Return the raters' names, one-hot, and who gave one; zeros where a rater gave none."""
    drew = (reports >= 0) & (reports < classes)
    names = functional.one_hot(torch.where(drew, reports, 0).long(), classes)
    return names.to(reports.dtype) * drew[..., None], drew


def tried(
    sights: Sights, names: Float[Tensor, "n R l"], drew: Bool[Tensor, "n R"]
) -> Float[Tensor, "n R l"]:
    """Return the logits of every object after a trial step for every rater.

    The step goes against the mean cross entropy of the rater's names, in the class rows of the
    heads. With p the probabilities, y the names and f the features, a row's gradient is
    sum_j (p_j - y_j) f_j / n over the objects j of the same head, and its bias's without f_j; so
    the logits of i change by -.2 sum_j (f_i . f_j + 1) (p_j - y_j) / n. Gradients flow through it.
    """
    kernel = sights.features @ sights.features.T + 1
    kernel = torch.where(sights.head[:, None] == sights.head, kernel, 0.0)
    wrong = (sights.logits.softmax(dim=-1)[:, None] - names) * drew[..., None]
    slope = torch.einsum("ij,jrl->irl", kernel, wrong / drew.sum(dim=0).clamp(min=1)[:, None])
    return sights.logits[:, None] - _STEP * slope


def sharpened(label: Float[Tensor, "n l"]) -> Float[Tensor, "n l"]:
    """Return labels in which a class of more than half is near 1; else, as they are.

    What sharpening leaves over, all of it where no class has a half, is spread as before, so that
    rows sum to 1.
    """
    sharp = torch.sigmoid(_STEEP * (label - _MIDDLE))
    # Two classes of a half each are sharpened to a half each: never more than 1 together.
    return sharp + (1 - sharp.sum(dim=-1, keepdim=True)) * label
