"""Weighted sums over k x k windows in plain operators.

By `unfold`: a copy of the values for each tap, then a product with the weights and a sum, as papers' code writes it.
By `shifts`: one tap after the other, added up. The same numbers with far less memory, in k * k turns of Python's loop.
"""
import torch
import torch.nn.functional as F

WAYS = ("unfold", "shifts")
way = "unfold"


def windows(x, kernel, stride=1):
    """The k x k neighbours of every position, zeros beyond the border: [N, C, H, W] -> [N, C, k * k, H' * W']."""
    n, c = x.shape[:2]
    return F.unfold(x, kernel, padding=kernel // 2, stride=stride).view(n, c, kernel * kernel, -1)


def read_windows(values, weights, kernel, stride, size, modular):
    """y[c] = sum_t weights[head of c, t] * values[c] at tap t.

    values [N, C, H, W], weights [N, G, k * k, H' * W'], size (H', W') -> [N, C, H', W']. The head of channel c is
    c mod G where `modular`, else c // (C / G).
    """
    n, c = values.shape[:2]
    groups = weights.shape[1]
    split, shared = ((c // groups, groups), 1) if modular else ((groups, c // groups), 2)
    if way == "unfold":
        taps = windows(values, kernel, stride).view(n, *split, kernel * kernel, -1)
        return (taps * weights.unsqueeze(shared)).sum(3).view(n, c, *size)
    half = kernel // 2
    padded = F.pad(values, (half, half, half, half))
    padded = padded.view(n, *split, *padded.shape[2:])
    weights = weights.view(n, groups, kernel * kernel, *size).unsqueeze(shared)
    y = None
    for t in range(kernel * kernel):
        a, b = t // kernel, t % kernel
        seen = padded[..., a : a + stride * (size[0] - 1) + 1 : stride, b : b + stride * (size[1] - 1) + 1 : stride]
        y = y.addcmul_(seen, weights[:, :, :, t]) if t > 0 else seen * weights[:, :, :, t]
    return y.reshape(n, c, *size)


def outside(height, width, kernel, stride):
    """Which taps lie beyond the border: bool [k * k, H' * W']."""
    return windows(torch.ones(1, 1, height, width), kernel, stride)[0, 0] == 0
