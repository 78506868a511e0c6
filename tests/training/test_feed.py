import torch

from facenas.data import Augmentation
from facenas.training.feed import BatchSampler, Resident


def test_every_image_comes_with_its_own_label_and_draws() -> None:
    """Against a slow loop over an epoch, on one device and on three that share its steps."""
    images = torch.randint(0, 256, (50, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels, augmentation = 7 * torch.arange(50), Augmentation(flip=0.5, crop_padding=2, cutout=1.0)
    generator = torch.Generator().manual_seed(5)
    order = torch.randperm(50, generator=generator)[:48].tolist()
    draws = augmentation.draw(48, generator)
    for ranks in (1, 3):
        feeds = [Resident(images, labels, augmentation, BatchSampler(50, 12, ranks, rank)) for rank in range(ranks)]
        whole = [[feed.batch(*inputs) for inputs in feed.epoch(5, 0)] for feed in feeds]
        later = [[feed.batch(*inputs) for inputs in feed.epoch(5, 3)] for feed in feeds]
        assert {len(steps) for steps in whole} == {4} and {len(steps) for steps in later} == {1}
        for place, row in enumerate(order):
            step, (rank, within) = place // 12, divmod(place % 12, 12 // ranks)
            for steps in (whole[rank], [*whole[rank][:3], *later[rank]]):
                image, label, drawn = (values[within] for values in steps[step])
                assert torch.equal(image, images[row]) and int(label) == 7 * row
                assert torch.equal(drawn, draws[place])
