"""The usual public recipe for these networks, re-stated: PIL images, a DataLoader of two workers, fp32, NCHW, `.item()` at every step."""

import os

os.environ["FACENAS_FUSED"] = "0"

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from facenas.backbones import Blueprint
from facenas.data import ImageSet, pixel_statistics
from facenas.data.classes import Moments


class Cutout:
    """Erases a square around a random pixel (DeVries & Taylor, 2017)."""

    def __init__(self, side: int) -> None:
        self.half = side // 2

    def __call__(self, image: Tensor) -> Tensor:
        height, width = image.shape[1:]
        mask = np.ones((height, width), np.float32)
        row, column = np.random.randint(height), np.random.randint(width)
        mask[max(0, row - self.half) : row + self.half, max(0, column - self.half) : column + self.half] = 0
        return image * torch.from_numpy(mask).expand_as(image)


class Pictures(Dataset[tuple[Tensor, int]]):
    """Labelled pictures, transformed one by one."""

    def __init__(self, images: ImageSet, moments: tuple[Moments, Moments], *, augmented: bool) -> None:
        mean, std = moments
        last = [transforms.ToTensor(), transforms.Normalize(mean / 255, std / 255)]
        first = [transforms.RandomCrop(32, padding=2), transforms.RandomHorizontalFlip()] if augmented else []
        self.images, self.labels = images.images[..., 0], images.labels.tolist()
        self.transform = transforms.Compose([*first, *last, *([Cutout(16)] if augmented else [])])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


class Plain:
    """A network in training, as the usual scripts have it."""

    def __init__(self, images: ImageSet, blueprint: Blueprint, *, seed: int, batch_size: int = 64) -> None:
        torch.manual_seed(seed)
        np.random.seed(seed)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.network = blueprint.build().to(self.device)
        self.optimiser = torch.optim.SGD(self.network.parameters(), lr=0.025, momentum=0.9, weight_decay=3e-4)
        self.moments = pixel_statistics(images)
        self.loader = DataLoader(
            Pictures(images, self.moments, augmented=True),
            batch_size=batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=2,
            pin_memory=self.device != "cpu",
        )

    def steps(self) -> Iterator[float]:
        """One epoch; yields the loss of each step."""
        self.network.train()
        for images, labels in self.loader:
            images, labels = images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True)
            self.optimiser.zero_grad()
            loss = functional.cross_entropy(self.network(images), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self.optimiser.step()
            yield loss.item()

    @torch.inference_mode()
    def accuracy(self, images: ImageSet) -> float:
        """Share of images that are classified correctly."""
        self.network.eval()
        loader = DataLoader(Pictures(images, self.moments, augmented=False), batch_size=256)
        right = [(self.network(batch.to(self.device)).argmax(1).cpu() == labels).sum().item() for batch, labels in loader]
        return sum(right) / len(images)
