"""A linear-chain conditional random field over tags, in the log semiring.

A tag sequence y of emissions e has the score ``start[y_0] + Σ e_t[y_t] + Σ step[y_{t−1}, y_t]``.
There is no score for a last tag: a window ends where "now" is, which is no property of the tags.

Every position is a K × K matrix, ``step + e_t`` over the columns, and sums over tag sequences are
products of these in the log semiring. Products are associative, so that a tree of ⌈log₂ L⌉ batched
products takes the place of a loop over L steps; positions outside the mask are the identity. Sums
run in float64 whatever the emissions come in: they are small beside the encoder's work, and a
product is then a plain matrix product of exponentials (see `log_matmul`).

What is known when: `loss` and `decode` read whole sequences, and a tag that they give to position t
has seen the emissions after t. `filtered` is what may be traded on: its row t holds
p(y_t | e_0 … e_t) and nothing later enters.

Source: Lafferty, McCallum, Pereira (2001); the scan: Särkkä and García-Fernández, Temporal
Parallelization of Bayesian Smoothers (2021).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

IGNORED = -100  # a tag that is not known
# As good as minus infinity, and still finite when one a position is summed up: sums with true
# infinities have no gradients.
_NEVER = -1e30
_SMALLEST = 1e-300  # of a float64 before its logarithm is taken, for the same reason


class LinearChainCRF(nn.Module):
    """Scores of first tags (K,) and of steps from tag to tag (K, K), all zero at the start.

    At zero, the tags are independent given their emissions.
    """

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.tags = tags
        self.start_K = nn.Parameter(torch.zeros(tags))
        self.step_KK = nn.Parameter(torch.zeros(tags, tags))

    def log_likelihood(self, emissions_BLK: Tensor, tags_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """Return (B,) ln p(known tags | emissions).

        Args:
            emissions_BLK: scores of each tag at each position.
            tags_BL: tags, `IGNORED` where unknown: those are summed over, not left out.
            mask_BL: True for positions that belong to the sequence; the others are passed over,
                wherever they stand. A row without any is worth 0.
        """
        mask_BL = mask_BL.bool()
        matrices = self._matrices(emissions_BLK, mask_BL)
        known_BL = tags_BL != IGNORED
        if bool((known_BL | ~mask_BL).all()):
            total_B = self._path_scores(matrices, tags_BL, mask_BL)
        else:
            places_K = torch.arange(self.tags, device=tags_BL.device)
            excluded_BLK = known_BL[..., None] & (tags_BL[..., None] != places_K)
            excluded_BLK = excluded_BLK & mask_BL[..., None]
            allowed = matrices.masked_fill(excluded_BLK[:, :, None], _NEVER)
            total_B = _product(allowed)[:, 0].logsumexp(-1)
        free_B = _product(matrices)[:, 0].logsumexp(-1)
        return (total_B - free_B).to(self.start_K.dtype)

    def log_partition(self, emissions_BLK: Tensor, mask_BL: Tensor) -> Tensor:
        """Return (B,) the log of the sum of exp(score) over all tag sequences."""
        total_BKK = _product(self._matrices(emissions_BLK, mask_BL))
        return total_BKK[:, 0].logsumexp(-1).to(self.start_K.dtype)

    def filtered(self, emissions_BLK: Tensor, mask_BL: Tensor) -> Tensor:
        """Return (B, L, K) ln p(y_t | e_0 … e_t): causal.

        A position outside the mask repeats what was known before it; uniform if nothing was.
        """
        prefix_BLKK = _prefix_products(self._matrices(emissions_BLK, mask_BL))
        begun_BL1 = mask_BL.bool().cummax(dim=1).values[..., None]
        uniform_K = prefix_BLKK.new_zeros(self.tags)
        scores_BLK = torch.where(begun_BL1, prefix_BLKK[:, :, 0], uniform_K)
        return scores_BLK.log_softmax(-1).to(self.start_K.dtype)

    @torch.no_grad()
    def decode(self, emissions_BLK: Tensor, mask_BL: Tensor) -> Tensor:
        """Return (B, L) the likeliest tag sequence (Viterbi), `IGNORED` outside the mask.

        It reads the whole sequence: the tag of t depends on what comes after t.
        """
        matrices_BLKK = self._matrices(emissions_BLK, mask_BL)
        best_BK = matrices_BLKK[:, 0, 0]
        came_from = []
        for t in range(1, matrices_BLKK.shape[1]):
            best_BK, origin_BK = (best_BK[:, :, None] + matrices_BLKK[:, t]).max(dim=1)
            came_from.append(origin_BK)
        tag_B = best_BK.argmax(dim=-1)
        path = [tag_B]
        for origin_BK in reversed(came_from):
            tag_B = origin_BK.gather(1, tag_B[:, None])[:, 0]
            path.append(tag_B)
        return torch.stack(path[::-1], dim=1).masked_fill(~mask_BL.bool(), IGNORED)

    def _path_scores(self, matrices: Tensor, tags_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """Return the scores (B,) of tag sequences that are known wherever the mask has a position.

        A position outside the mask repeats the tag before it, where the identity adds nothing; what
        stands before the first one does not matter to it.
        """
        places_L = torch.arange(tags_BL.shape[1], device=tags_BL.device)
        last_known_BL = torch.where(mask_BL, places_L, 0).cummax(dim=1).values
        tags_BL = tags_BL.masked_fill(~mask_BL, 0).gather(1, last_known_BL)
        before_BL = torch.cat([tags_BL[:, :1], tags_BL[:, :-1]], dim=1)
        rows_BLK = matrices.gather(2, _over(before_BL, self.tags)[:, :, None])[:, :, 0]
        return rows_BLK.gather(2, tags_BL[..., None])[..., 0].sum(dim=1)

    def _matrices(self, emissions_BLK: Tensor, mask_BL: Tensor) -> Tensor:
        """Return (B, L, K, K) of which row 0 of the product holds the score of each last tag.

        Every row of a sequence's first matrix is ``start + e``: it forgets what was before.
        """
        mask_BL = mask_BL.bool()
        first_BL = mask_BL & (mask_BL.cumsum(dim=1) == 1)
        before = torch.where(first_BL[..., None, None], self.start_K, self.step_KK)
        matrices = before.double() + emissions_BLK.double()[:, :, None, :]
        identity = _identity(self.tags, matrices)
        return torch.where(mask_BL[..., None, None], matrices, identity)


def log_matmul(a: Tensor, b: Tensor) -> Tensor:
    """Multiply (…, K, K) float64 matrices in the log semiring: ln Σ_k exp(a_ik + b_kj).

    The largest of each row of a and of each column of b is taken out, so that exponentials stay
    within [0, 1] and the product is one of plain matrices. What is below e⁻⁶⁹⁰ of the largest is
    cut off there.
    """
    rows, columns = a.amax(-1, keepdim=True).detach(), b.amax(-2, keepdim=True).detach()
    product = (a - rows).exp() @ (b - columns).exp()
    return product.clamp_min(_SMALLEST).log() + rows + columns


def _product(matrices_BLKK: Tensor) -> Tensor:
    """Return (B, K, K): neighbours are multiplied until one is left."""
    while (length := matrices_BLKK.shape[1]) > 1:
        pairs = log_matmul(matrices_BLKK[:, : length - 1 : 2], matrices_BLKK[:, 1::2])
        left_over = matrices_BLKK[:, length - length % 2 :]
        matrices_BLKK = torch.cat([pairs, left_over], dim=1)
    return matrices_BLKK[:, 0]


def _prefix_products(matrices_BLKK: Tensor) -> Tensor:
    """Return (B, L, K, K): products of 0 … t, by doubling the reach (Hillis and Steele)."""
    reach = 1
    while reach < matrices_BLKK.shape[1]:
        longer = log_matmul(matrices_BLKK[:, :-reach], matrices_BLKK[:, reach:])
        matrices_BLKK = torch.cat([matrices_BLKK[:, :reach], longer], dim=1)
        reach *= 2
    return matrices_BLKK


def _identity(tags: int, like: Tensor) -> Tensor:
    eye = torch.eye(tags, dtype=torch.bool, device=like.device)
    return torch.zeros(tags, tags, dtype=like.dtype, device=like.device).masked_fill(~eye, _NEVER)


def _over(index_BL: Tensor, columns: int) -> Tensor:
    return index_BL[..., None].expand(-1, -1, columns)
