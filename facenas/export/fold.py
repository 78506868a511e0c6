"""BatchNorm folded into its neighbours, on the graph that torch exports, so that every file format profits.

A BatchNorm is `a x + b` for each channel. It is folded exactly where a convolution or linear layer lies before it, and where only
linear layers or convolutions without padding lie behind it. Before a *padded* convolution it is not: the border is zero after
BatchNorm, not before. What lies there in the unit of a face network is rewritten as `a (x - c)`: zero stays zero, so `a` goes into the
convolution, and `c` is taken from the convolution that writes `x`; where others read `x` as well, their own constants take it back.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn

CONV, LINEAR, NORM = torch.ops.aten.conv2d.default, torch.ops.aten.linear.default, torch.ops.aten.batch_norm.default
ADD, POOL, FLATTEN = torch.ops.aten.add.Tensor, torch.ops.aten.max_pool2d.default, torch.ops.aten.flatten.using_ints
FLIP, SUB = torch.ops.aten.flip.default, torch.ops.aten.sub.Tensor
DROPOUT = (torch.ops.aten.dropout.default, torch.ops.aten.dropout_.default, torch.ops.aten.feature_dropout.default)
FARTHEST = 100.0  # standard deviations of a channel by which its zero is moved: farther would cost more of float32 than rounding does


def folded(network: nn.Module, example: Tensor) -> fx.GraphModule:
    """A network that computes the same, up to rounding, with as few BatchNorms as can be.

    Args:
        network: Network from images (B, C, H, W) to outputs (B, D); it is read in evaluation mode.
        example: Two images (2, C, H, W) as the network takes them.
    """
    program = torch.export.export(network.eval(), (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    graph = _Folding(program.module())
    return graph.done()


class _Folding:
    """One graph in work: weights as double precision beside their nodes, until all is done."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.weights: dict[Any, tuple[Tensor, Tensor]] = {}
        self._without_idle_nodes()
        for node in module.graph.nodes:
            if node.target in (CONV, LINEAR):
                weight = self._value(node.args[1])
                bias = self._value(node.args[2]) if len(node.args) > 2 and node.args[2] is not None else weight.new_zeros(len(weight))
                self.weights[node] = weight, bias
            elif node.target is NORM and not node.args[5]:
                self.weights[node] = self._scale_and_offset(node)

    def done(self) -> fx.GraphModule:
        """Fold, and write the weights back."""
        for rule in (self._into_before, self._into_behind, self._moved):
            for norm in [node for node in self.module.graph.nodes if node.target is NORM and node in self.weights]:
                if rule(norm):
                    self._drop(norm)
        self._turn_channels()
        for node, (weight, bias) in self.weights.items():
            if node.target is NORM:
                zero, one = torch.zeros_like(weight), torch.ones_like(weight)
                self._set(node, {1: weight, 2: bias, 3: zero, 4: one})
                node.update_arg(7, 0.0)
            else:
                self._set(node, {1: weight, 2: bias})
        self.module.graph.eliminate_dead_code()
        clean = fx.GraphModule(self.module, self.module.graph)
        clean.graph.lint()
        return clean.eval()

    def _into_before(self, norm: Any) -> bool:
        before = norm.args[0]
        if not (isinstance(before, fx.Node) and before.target in (CONV, LINEAR) and len(before.users) == 1):
            return False
        (weight, bias), (scale, offset) = self.weights[before], self.weights[norm]
        self.weights[before] = weight * _column(scale, weight), bias * scale + offset
        return True

    def _into_behind(self, norm: Any) -> bool:
        users = list(_through(norm, (FLATTEN,)))
        if not all(_takes_constants(user) for user in users):
            return False
        scale, offset = self.weights[norm]
        for user in users:
            weight, bias = self.weights[user]
            self.weights[user] = self._scaled(user, scale), bias + _gain(user, weight, offset)
        return True

    def _moved(self, norm: Any) -> bool:
        """Replace `a x + b` before padded convolutions by `a (x - c)`."""
        scale, offset = self.weights[norm]
        centre = -offset / scale
        if not all(user.target is CONV for user in norm.users) or not self._near(norm, centre):
            return False
        source = norm.args[0]
        writer = self._writer(source)
        edits = self._taken_back(source, centre, but=norm) if writer else None
        if writer is None or edits is None:
            with self.module.graph.inserting_before(norm):
                moved = self.module.graph.call_function(SUB, (source, self._constant(f"{norm.name}_centre", centre.view(1, -1, 1, 1))))
            norm.replace_input_with(source, moved)
        else:
            for reader, constant in [*edits, (writer, -centre)]:
                self._add(reader, constant)
        for user in norm.users:
            self.weights[user] = self._scaled(user, scale), self.weights[user][1]
        return True

    def _turn_channels(self) -> None:
        """Reversed channels before whole convolutions become weights in reversed order."""
        for node in [node for node in self.module.graph.nodes if node.target is FLIP and list(node.args[1]) == [1]]:
            if all(user.target is CONV and (len(user.args) < 7 or user.args[6] == 1) for user in node.users):
                for user in node.users:
                    weight, bias = self.weights[user]
                    self.weights[user] = weight.flip(1), bias
                self._bypass(node)

    def _near(self, norm: Any, centre: Tensor) -> bool:
        mean, variance = self._value(norm.args[3]), self._value(norm.args[4])
        return bool(((centre - mean).abs() <= FARTHEST * (variance + norm.args[7]).sqrt()).all())

    def _writer(self, node: Any) -> fx.Node | None:
        """The convolution whose bias is added to this node's value and to nothing else."""
        if node.target is CONV:
            found: fx.Node = node
            return found
        if node.target is not ADD or len(node.args) != 2 or node.kwargs:
            return None
        return next((term for term in node.args if isinstance(term, fx.Node) and term.target is CONV and len(term.users) == 1), None)

    def _taken_back(self, node: Any, centre: Tensor, *, but: Any) -> list[tuple[fx.Node, Tensor]] | None:
        """What is added to the biases behind a node whose value falls by `centre`; None: not every reader can be served."""
        edits: list[tuple[fx.Node, Tensor]] = []
        for user in node.users:
            if user is but:
                continue
            if user.target is CONV and _takes_constants(user):
                edits.append((user, _gain(user, self.weights[user][0], centre)))
            elif user.target is NORM and user in self.weights:
                edits.append((user, self.weights[user][0] * centre))
            elif user.target is POOL and list(user.args[1]) == [1, 1] and len(user.args) <= 3:
                further = self._taken_back(user, centre, but=but)
                if further is None:
                    return None
                edits += further
            elif user.target is ADD and user.args[0] is not user.args[1] and (writer := self._writer(user)):
                edits.append((writer, centre))
            else:
                return None
        return edits

    def _add(self, node: Any, constant: Tensor) -> None:
        weight, bias = self.weights[node]
        self.weights[node] = weight, bias + constant

    def _scaled(self, node: Any, scale: Tensor) -> Tensor:
        """The weight of a layer whose input was scaled by channel."""
        weight = self.weights[node][0]
        if node.target is LINEAR:
            return weight * scale.repeat_interleave(weight.shape[1] // len(scale))
        groups = len(scale) // weight.shape[1]
        by_group = scale.view(groups, 1, -1).expand(groups, len(weight) // groups, -1)
        return weight * by_group.reshape(len(weight), -1, 1, 1)

    def _scale_and_offset(self, node: Any) -> tuple[Tensor, Tensor]:
        weight, bias, mean, variance = (None if argument is None else self._value(argument) for argument in node.args[1:5])
        assert mean is not None and variance is not None
        scale = (1 if weight is None else weight) / (variance + node.args[7]).sqrt()
        return scale, (0 if bias is None else bias) - mean * scale

    def _value(self, node: Any) -> Tensor:
        value: Any = self.module
        for part in node.target.split("."):
            value = getattr(value, part)
        result: Tensor = value.detach().double()
        return result

    def _constant(self, name: str, value: Tensor) -> fx.Node:
        self.module.register_buffer(name, value.float().contiguous())
        node: fx.Node = self.module.graph.get_attr(name)
        return node

    def _set(self, node: Any, values: dict[int, Tensor]) -> None:
        names = {1: "weight", 2: "bias", 3: "mean", 4: "variance"}
        with self.module.graph.inserting_before(node):
            made = {position: self._constant(f"{node.name}_{names[position]}", value) for position, value in values.items()}
        arguments = list(node.args) + [None] * (3 - len(node.args))
        for position, constant in made.items():
            arguments[position] = constant
        node.args = tuple(arguments)

    def _drop(self, norm: Any) -> None:
        del self.weights[norm]
        self._bypass(norm)

    def _bypass(self, node: Any) -> None:
        node.replace_all_uses_with(node.args[0])
        self.module.graph.erase_node(node)

    def _without_idle_nodes(self) -> None:
        for node in list(self.module.graph.nodes):
            if node.op == "call_module" and not node.users:  # torch's own checks of the input's shape
                self.module.graph.erase_node(node)
            elif node.target in DROPOUT and not node.args[2]:
                self._bypass(node)


def _through(node: Any, kinds: tuple[Any, ...]) -> Iterator[Any]:
    """Users of a node, seen through others of the given kinds."""
    for user in node.users:
        if user.target in kinds and tuple(user.args[1:]) in ((1,), (1, -1)):
            yield from _through(user, kinds)
        else:
            yield user


def _takes_constants(node: Any) -> bool:
    """Whether a constant in each input channel is a constant in each output channel."""
    padding = node.args[4] if node.target is CONV and len(node.args) > 4 else (0,)
    return node.target in (CONV, LINEAR) and not any(padding if isinstance(padding, tuple | list) else (padding,))


def _gain(node: Any, weight: Tensor, constant: Tensor) -> Tensor:
    """What a constant in each input channel adds to each output channel."""
    if node.target is LINEAR:
        return weight @ constant.repeat_interleave(weight.shape[1] // len(constant))
    groups = len(constant) // weight.shape[1]
    sums = weight.sum((2, 3)).view(groups, -1, weight.shape[1])
    return torch.einsum("goi,gi->go", sums, constant.view(groups, -1)).reshape(-1)


def _column(values: Tensor, weight: Tensor) -> Tensor:
    return values.view(-1, *[1] * (weight.ndim - 1))
