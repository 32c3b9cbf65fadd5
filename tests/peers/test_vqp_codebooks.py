"""vector_quantize_pytorch's codebooks: the same numbers, or where it computes something else, what.

Install it with `pip install 'kvant[peers]'`; without it these tests are skipped.
"""

from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from kvant.quantizers import EMACodebook, VectorQuantizer
from kvant.quantizers.codebooks import (
    AffineCodebook,
    BridgedCodebook,
    NormalizedEMACodebook,
    RandomProjectionCodebook,
    SimVQCodebook,
)
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.kmeans import lloyd
from kvant.quantizers.remedies import ReviveDeadCodes
from tests.peers.alike import assert_alike, drawn

SIZE, DIM = 16, 6
ALL = torch.ones(SIZE, dtype=torch.bool)


@pytest.fixture(scope="module")
def official() -> ModuleType:
    return pytest.importorskip("vector_quantize_pytorch")


def plain(official: ModuleType, vectors: Tensor, **settings: object) -> nn.Module:
    """Theirs, in training, with our vectors: straight-through, nothing ever replaced unless settings say so."""
    theirs = official.VectorQuantize(DIM, len(vectors), rotation_trick=False, decay=0.9, **settings).train()
    book = theirs._codebook
    with torch.no_grad():
        book.embed.copy_(vectors[None])
        book.embed_avg.copy_(vectors[None])
    return theirs


class TestRunningMeans:
    def test_counts_and_sums_are_the_same_and_the_vectors_but_for_their_smoothing(self, official: ModuleType) -> None:
        """Theirs is our vector times n / n', n' = (n + c) N / (N + V c) with c = 1e-5, N = sum n."""
        ours = EMACodebook(SIZE, DIM, decay=0.9)
        theirs = plain(official, ours.vectors)
        for seed in range(4):
            latents = drawn(1, 60, DIM, seed=seed)
            quantized, codes, _ = theirs(latents)
            assert torch.equal(codes[0], ours.search(latents[0]))
            assert_alike(ours.lookup(codes), quantized)
            ours.update(latents[0], codes[0])
            counts, total = ours.counts, ours.counts.sum()
            smoothed = (counts + 1e-5) / (total + SIZE * 1e-5) * total
            assert_alike(ours.counts, theirs._codebook.cluster_size[0])
            assert_alike(ours.sums, theirs._codebook.embed_avg[0])
            assert_alike(ours.vectors * (counts / smoothed)[:, None], theirs._codebook.embed[0])

    def test_a_code_that_fades_is_drawn_to_zero_by_smoothing_and_stays_here(self, official: ModuleType) -> None:
        """After 120 steps without a latent, n = 0.9^120 = 3e-6 is a quarter of n' there. (Replacement may be first.)"""
        vectors = torch.cat([drawn(SIZE - 1, DIM), torch.full((1, DIM), 30.0)])
        ours = EMACodebook(SIZE, DIM, decay=0.9)
        ours.replace(ALL, vectors)
        theirs = plain(official, vectors)
        for seed in range(120):
            latents = drawn(1, 60, DIM, seed=seed)
            theirs(latents)
            ours.update(latents[0], ours.search(latents[0]))
        torch.testing.assert_close(ours.vectors[-1], vectors[-1])
        shrunk = theirs._codebook.embed[0, -1] / vectors[-1]
        torch.testing.assert_close(shrunk, torch.full((DIM,), 0.9**120 / (0.9**120 + 1e-5)), rtol=0.01, atol=0)

    def test_on_the_sphere(self, official: ModuleType) -> None:
        ours = NormalizedEMACodebook(SIZE, DIM, decay=0.9)
        theirs = plain(official, ours.vectors, use_cosine_sim=True)
        for seed in range(4):
            latents = 3 * drawn(1, 60, DIM, seed=seed)
            quantized, codes, _ = theirs(latents)
            assert torch.equal(codes[0], ours.search(latents[0]))
            assert_alike(ours.lookup(codes), quantized)
            ours.update(latents[0], codes[0])
            assert_alike(ours.sums, theirs._codebook.embed_avg[0])
            assert_alike(ours.vectors, theirs._codebook.embed[0])


def test_kmeans(official: ModuleType) -> None:
    """From the same centres, as long as no cluster is empty: they leave such a centre, we draw it anew."""
    points = drawn(500, DIM)
    start = points[:SIZE].clone()
    kmeans = official.vector_quantize_pytorch.kmeans
    centres, counts = kmeans(points[None], SIZE, 7, sample_fn=lambda *_: start[None])
    assert (counts > 0).all()
    assert_alike(lloyd(points, start, 7), centres[0])


def test_an_absolute_count_replaces_living_codes_where_batches_are_small(official: ModuleType) -> None:
    """Sixteen codes, of which half are used in turn: all are alive. Their count of 2 calls all dead at every step."""
    centres = 10 * drawn(SIZE, DIM)
    theirs = plain(official, centres, threshold_ema_dead_code=2)
    ours = EMACodebook(SIZE, DIM, decay=0.9)
    ours.replace(ALL, centres)
    quantizer = VectorQuantizer(ours, straight_through, (ReviveDeadCodes(interval=1),)).train()
    for step in range(60):
        latents = centres[step % 2 :: 2] + 0.01 * drawn(SIZE // 2, DIM, seed=step)
        theirs(latents[None])
        quantizer(latents.T[None])
    assert ((ours.vectors - centres).norm(dim=1) < 0.1).all()
    moved = (theirs._codebook.embed[0] - centres).norm(dim=1) > 5
    homes = torch.cdist(theirs._codebook.embed[0], centres).argmin(1)
    assert moved.sum() > SIZE / 2
    assert len(homes.unique()) < SIZE, "no centre has lost its code"


@pytest.mark.parametrize("frames", [40, 200])
def test_simvq(official: ModuleType, frames: int) -> None:
    """Its loss is the codebook loss and a quarter of the commitment; W is the transpose of its linear layer's."""
    ours = SimVQCodebook(SIZE, DIM)
    theirs = official.SimVQ(DIM, SIZE, rotation_trick=False)
    with torch.no_grad():
        theirs.frozen_codebook.copy_(ours.anchors)
        ours.transform.copy_(theirs.code_transform.weight.T)
    latents = [drawn(1, DIM, frames).requires_grad_() for _ in range(2)]
    result = VectorQuantizer(ours, straight_through, ()).train()(latents[0])
    quantized, codes, loss = theirs(latents[1].transpose(1, 2))
    assert torch.equal(result.codes[:, 0], codes)
    assert_alike(result.latents.transpose(1, 2), quantized)
    ours_loss = result.losses["codebook"] + 0.25 * result.losses["commitment"]
    assert_alike(ours_loss, loss)
    upstream = drawn(1, frames, DIM, seed=1)
    (ours_loss + (result.latents.transpose(1, 2) * upstream).sum()).backward()
    (loss + (quantized * upstream).sum()).backward()
    assert_alike(latents[0].grad, latents[1].grad)
    assert_alike(ours.transform.grad, theirs.code_transform.weight.grad.T)


def test_affine_is_of_running_moments_there_and_learned_here(official: ModuleType) -> None:
    """Their s and b match means and variances of codebook and batch; given these, the codebooks are one."""
    ours = AffineCodebook(SIZE, DIM, rate=10.0)
    theirs = plain(official, ours.centred.detach(), affine_param=True)
    latents = 2 * drawn(1, 80, DIM, seed=1) + 5
    quantized, codes, _ = theirs(latents)
    scale = latents[0].std(0, unbiased=False) / ours.centred.std(0, unbiased=False)
    with torch.no_grad():
        ours.log_scale.copy_(scale.log() / 10)
        ours.shift.copy_((latents[0].mean(0) - ours.centred.mean(0) * scale) / 10)
    assert torch.equal(ours.search(latents[0]), codes[0])
    assert_alike(ours.lookup(codes), quantized)
    assert not list(theirs._codebook.parameters()), "nothing there is learned"


def test_a_bridge(official: ModuleType) -> None:
    """The package brings none, but takes one: given ours, it searches what our codebook searches."""
    ours = BridgedCodebook(SIZE, DIM, group=4, width=8, heads=2)
    nn.init.normal_(ours.bridge.recover.weight, std=0.3)

    class Batched(nn.Module):
        def forward(self, vectors: Tensor) -> Tensor:
            return ours.bridge(vectors[0])[None]

    theirs = plain(official, ours.seeds.detach(), vq_bridge=Batched())
    latents = drawn(1, 80, DIM, seed=1)
    quantized, codes, _ = theirs(latents)
    assert torch.equal(ours.search(latents[0]), codes[0])
    assert_alike(ours.lookup(codes), quantized)
    assert not torch.equal(ours.search(latents[0]), torch.cdist(latents[0], ours.seeds).argmin(-1))


def test_random_projections(official: ModuleType) -> None:
    """With orthonormal projections, as ours are (theirs are Xavier's), and latents that it normalizes itself."""
    ours = RandomProjectionCodebook(SIZE, DIM, rank=3)
    axes = torch.linalg.svd(ours.vectors, full_matrices=False)[2][:3]
    theirs = official.RandomProjectionQuantizer(dim=DIM, codebook_size=SIZE, codebook_dim=3)
    theirs.rand_projs.copy_(axes.T[None])
    theirs.vq._codebook.embed.copy_((ours.vectors @ axes.T)[None])
    latents = drawn(1, 300, DIM, seed=1)
    assert torch.equal(ours.search(nn.functional.layer_norm(latents[0], (DIM,))), theirs(latents).reshape(-1))
