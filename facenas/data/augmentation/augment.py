"""Augmentation of whole batches on the device, drawn from one generator."""

import math

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from facenas.settings import Section


class Augmentation(Section):
    """Random changes of training images; the defaults change nothing."""

    flip: float = Field(0.0, ge=0, le=1, description="Probability of a horizontal flip.")
    crop_padding: int = Field(0, ge=0, description="Black pixels put around an image before a random crop of its size.")
    shift: float = Field(0.0, ge=0, lt=1, description="Largest translation, a share of the image side.")
    rotation_deg: float = Field(0.0, ge=0, le=180, description="Largest rotation in degrees.")
    zoom: float = Field(0.0, ge=0, lt=1, description="Largest change of scale, a fraction.")
    light: float = Field(0.0, ge=0, le=1, description="Largest change of contrast and of brightness, a share of the half range.")
    cutout: float = Field(0.0, ge=0, le=1, description="Probability of an erased square (DeVries & Taylor, 2017).")
    cutout_side: float = Field(0.5, gt=0, le=1, description="Side of the erased square, a share of the image side.")

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw the random numbers that `crop` and `change` need.

        Args:
            count: Number of images, B.
            generator: The random numbers come from this generator on the CPU.

        Returns:
            Uniform numbers (B, R) in [0, 1).
        """
        draws = torch.rand(count, 10, generator=generator)
        return torch.cat([draws, torch.rand(count, 2, generator=generator)], dim=1) if self.crop_padding else draws

    def crop(self, images: Tensor, draws: Tensor) -> Tensor:
        """Move images by whole pixels: a random crop of the padded image, and the flip where nothing is resampled.

        Args:
            images: Images (B, C, H, W), uint8.
            draws: Uniform numbers (B, R) from `draw`, on the device of the images.

        Returns:
            Images of the same shape.
        """
        flip = self.flip and not self._resamples
        if not flip and not self.crop_padding:
            return images
        (count, _, height, width), margin, device = images.shape, self.crop_padding, images.device
        rows, columns = torch.arange(height, device=device).expand(count, -1), torch.arange(width, device=device).expand(count, -1)
        if flip:
            columns = torch.where(draws[:, 2:3] < self.flip, width - 1 - columns, columns)
        if margin:
            down, right = (draws[:, 10:12] * (2 * margin + 1)).long().unsqueeze(2).unbind(1)
            images, rows, columns = functional.pad(images, (margin,) * 4), rows + down, columns + right
        every = torch.arange(count, device=device)[:, None, None]
        return images.permute(0, 2, 3, 1)[every, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        """Change normalised images: what is shifted in repeats the border, what is erased is 0.

        Args:
            images: Normalised images (B, C, H, W), float.
            draws: Uniform numbers (B, R) from `draw`, on the device of the images.

        Returns:
            Images of the same shape.
        """
        if self._resamples:
            images = self._move(images, draws[:, :5])
        if self.light:
            contrast, brightness = (self.light * (2 * draws[:, 5:7] - 1)).view(-1, 2, 1, 1).unbind(1)
            images = images * (1 + contrast.unsqueeze(1)) + brightness.unsqueeze(1)
        return self._erase(images, draws[:, 7:9], draws[:, 9]) if self.cutout else images

    @property
    def _resamples(self) -> bool:
        return bool(self.shift or self.rotation_deg or self.zoom)

    def _move(self, images: Tensor, draws: Tensor) -> Tensor:
        signed = 2 * draws - 1
        angle, scale = signed[:, 0] * math.radians(self.rotation_deg), 1 + self.zoom * signed[:, 1]
        mirror = torch.where(draws[:, 2] < self.flip, -1.0, 1.0)
        shift_x, shift_y = (2 * self.shift * signed[:, 3:5]).unbind(1)  # the grid runs from -1 to 1
        sine, cosine = scale * angle.sin(), scale * angle.cos()
        matrices = torch.stack([mirror * cosine, -sine, shift_x, mirror * sine, cosine, shift_y], dim=1).view(-1, 2, 3)
        grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _erase(self, images: Tensor, centers: Tensor, draws: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        rows, columns = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
        near_row = (rows - centers[:, :1] * height).abs() < self.cutout_side * height / 2
        near_column = (columns - centers[:, 1:] * width).abs() < self.cutout_side * width / 2
        chosen = (draws < self.cutout).view(-1, 1, 1)
        return images.masked_fill((chosen & near_row.unsqueeze(2) & near_column.unsqueeze(1)).unsqueeze(1), 0.0)
