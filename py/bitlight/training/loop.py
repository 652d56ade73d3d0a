"""The training loop: AdamW, a recipe, checkpoints, several processes."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from bitlight.devices import check_device
from bitlight.errors import TrainingError
from bitlight.nn import clip_latent, fine_tune, pixels_to_floats
from bitlight.training.captured import Captured
from bitlight.training.distributed import Team
from bitlight.training.recipes import Recipe
from bitlight.training.run import Epoch, Run, uninterrupted
from bitlight.training.samples import Arrays, Batch, Samples, seed_of
from bitlight.training.settling import settle
from bitlight.training.showing import Shown

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def train(
    module: nn.Module,
    samples: Samples,
    recipe: Recipe,
    *,
    folder: Path | None = None,
    validation: Samples | None = None,
    teacher: nn.Module | None = None,
    device: str = "cpu",
    progress: bool = False,
) -> list[Epoch]:
    """Train a classifier of pixels in place and leave it in eval mode.

    What a step sees depends on (seed, step) alone: the same recipe, module, samples and number of
    threads give the same weights on one machine, also when the run was interrupted in between. On a
    GPU that holds for what a step sees, not for the rounding of its sums.

    Parameters
    ----------
    module : torch.nn.Module
        (N, C, H, W) or (N, n) floats of pixel values to (N, classes) logits. Its initial weights
        are the caller's.
    samples : Samples
    recipe : Recipe
    folder : Path, optional
        Of the run: checkpoints behind every epoch and every five minutes, `history.json`, and a log
        for TensorBoard. A run that was interrupted goes on from its checkpoint.
    validation : Samples, optional
        Their accuracy is noted behind every epoch; nothing is chosen by it.
    teacher : torch.nn.Module, optional
        Needed where the recipe distils.
    device : str
        "cpu", "cuda" or "cuda:1".
    progress : bool
        Show a bar on standard error; where that is no terminal, a line for each epoch, and one now
        and then in between.

    Returns
    -------
    list of Epoch

    Raises
    ------
    TrainingError
        If the device is not there, there are fewer samples than a batch has, a teacher is missing,
        the batch cannot be shared among the processes, or the folder's checkpoint is of another
        run.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight.nn import BinaryLinear
    >>> from bitlight.training import Arrays, Recipe
    >>> _ = torch.manual_seed(0)
    >>> pixels = np.repeat(np.array([[0], [255]], np.uint8), 8, axis=1).repeat(64, axis=0)
    >>> samples = Arrays(pixels, np.arange(128) // 64)
    >>> module = nn.Sequential(BinaryLinear(8, 2, input_bits=8), nn.BatchNorm1d(2))
    >>> history = train(module, samples, Recipe(epochs=5, batch_size=32))
    >>> len(history), evaluate(module, samples)
    (5, 1.0)
    """
    check_device(device, TrainingError)
    trainer = _Trainer(module, samples, recipe, teacher, device)
    run = Run(folder, recipe, len(samples), trainer.parts, samples.names)
    state = run.resume()
    devices = [torch.device(device)] if torch.device(device).type == "cuda" else []
    shown = Shown(progress and trainer.team.leads, recipe.epochs, trainer.steps, state.step)
    with torch.random.fork_rng(devices), _quickest_convolutions(device), shown:
        while state.step < recipe.epochs * trainer.steps:
            epoch, first = divmod(state.step, trainer.steps)
            trainer.begin(epoch)
            start = time.monotonic()
            try:
                for pieces in trainer.epoch(epoch, first):
                    with uninterrupted():
                        trainer.step(pieces, state.step)
                        state.step += 1
                        now = time.monotonic()
                        state.seconds, start = state.seconds + now - start, now
                    shown.step(state.step)
                    if state.step % trainer.steps and trainer.team.leads and run.is_due:
                        state.loss = trainer.add_losses(state.loss)
                        run.save(state)
            except KeyboardInterrupt:
                if state.step % trainer.steps and trainer.team.leads:
                    state.loss = trainer.add_losses(state.loss)
                    run.save(state)
                raise
            state.loss = trainer.add_losses(state.loss)
            state.seconds += time.monotonic() - start
            accuracy = evaluate(module, validation, device=device) if validation else None
            rate = recipe.learning_rate_at(state.step - 1, recipe.epochs * trainer.steps)
            state.history.append(
                Epoch(trainer.team.mean(state.loss), rate, accuracy, state.seconds)
            )
            shown.epoch(state.history)
            state.loss = state.seconds = 0.0
            if trainer.team.leads:
                run.save(state)
                run.log(state.history)
        if recipe.settle:
            settle(module, trainer.samples, recipe, trainer.device)
    module.eval()
    return state.history


class _Trainer:
    """One step and what changes with it."""

    def __init__(
        self,
        module: nn.Module,
        samples: Samples,
        recipe: Recipe,
        teacher: nn.Module | None,
        device: str,
    ) -> None:
        self.team = Team()
        self.recipe, self.device = recipe, torch.device(device)
        self.steps = len(samples) // recipe.batch_size
        if self.steps == 0:
            raise TrainingError(
                f"needs {recipe.batch_size} images or more for a batch, not {len(samples)}"
            )
        if recipe.batch_size // recipe.accumulate % self.team.size:
            raise TrainingError(
                f"pieces of {recipe.batch_size // recipe.accumulate} images cannot be shared "
                f"among {self.team.size} processes"
            )
        if recipe.distill and teacher is None:
            raise TrainingError(f"distill={recipe.distill} needs a teacher")
        self.on_gpu = self.device.type == "cuda"
        self.samples = _placed(samples, self.device)
        self.teacher = None if teacher is None else teacher.to(self.device).eval()
        self.module = module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.wrapped = self.team.wrap(module)
        self.optimizer = self._optimizer()
        # Gradients in float16 would vanish; in bfloat16 they have float32's range.
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=recipe.precision == "float16")
        self.parts = {"module": module, "optimizer": self.optimizer, "scaler": self.scaler}
        self.losses: list[torch.Tensor] = []
        self.captured: Captured | None = None
        self.begun = False

    def _optimizer(self) -> torch.optim.Optimizer:
        """AdamW; on a GPU its learning rate is a tensor, so that a recorded step can read it."""
        parameters, rate = self.module.parameters(), self.recipe.learning_rate
        decay = self.recipe.weight_decay
        if not self.on_gpu:
            return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
        tensor = torch.tensor(rate, device=self.device)
        return torch.optim.AdamW(
            parameters, lr=tensor, weight_decay=decay, fused=True, capturable=True
        )

    def begin(self, epoch: int) -> None:
        """What changes before an epoch: the last ones may be on the grid of integers."""
        on_grid = epoch >= self.recipe.epochs - self.recipe.fine_tune
        if on_grid:
            fine_tune(self.module)
        for group in self.optimizer.param_groups if self.on_gpu else ():
            # A checkpoint brings these with it, perhaps from a CPU.
            rate = torch.as_tensor(group["lr"], dtype=torch.float32, device=self.device)
            group.update(lr=rate, fused=True, capturable=True)
        if not self.begun or epoch == self.recipe.epochs - self.recipe.fine_tune:
            simple = self.team.size == self.recipe.accumulate == 1 and not self.scaler.is_enabled()
            self.captured = Captured(self._whole_step) if self.on_gpu and simple else None
            self.begun = True

    def epoch(self, number: int, first: int) -> Iterator[list[Batch]]:
        """The pieces of each step of an epoch, from step `first` on."""
        pieces = self.samples.epoch(number, self.recipe, first, self.team.rank, self.team.size)
        while step := list(islice(pieces, self.recipe.accumulate)):
            yield step

    def step(self, pieces: list[Batch], number: int) -> None:
        """Take a step."""
        self.module.train()
        torch.manual_seed(seed_of(self.recipe.seed, number, self.team.rank, 2))
        rate = self.recipe.learning_rate_at(number, self.recipe.epochs * self.steps)
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        if self.captured is not None:
            pixels, labels = (part.to(self.device, non_blocking=True) for part in pieces[0])
            self.losses.append(self.captured(pixels, labels))
            return
        self.optimizer.zero_grad()
        total = torch.zeros(())
        for index, (pixels, labels) in enumerate(pieces):
            last = index == len(pieces) - 1
            with nullcontext() if last else self.team.unsynchronised(self.wrapped):
                loss = self._loss(pixels, labels) / len(pieces)
                self.scaler.scale(loss).backward()
            total = total + loss.detach().cpu()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        clip_latent(self.module)
        self.losses.append(total)

    def _whole_step(self, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The same of one piece, without a scaler, to be recorded."""
        self.optimizer.zero_grad()
        loss = self._loss(pixels, labels)
        loss.backward()
        self.optimizer.step()
        clip_latent(self.module)
        return loss.detach()

    def add_losses(self, loss: float) -> float:
        """The epoch's mean loss so far, with the steps since the last call."""
        for of_step in torch.stack(self.losses).tolist() if self.losses else ():
            loss += of_step / self.steps
        self.losses.clear()
        return loss

    def _loss(self, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        x = pixels_to_floats(pixels.to(self.device, non_blocking=True))
        labels = labels.to(self.device, non_blocking=True)
        precision = PRECISIONS[self.recipe.precision]
        mixed = torch.autocast(
            self.device.type, precision, enabled=precision != torch.float32, cache_enabled=False
        )
        with mixed:
            logits = self.wrapped(x).float()
            loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
            if not self.recipe.distill:
                return loss
            assert self.teacher is not None
            with torch.no_grad():
                softened = self.teacher(x).float() / self.recipe.temperature
            theirs = softened.log_softmax(1)
        ours = (logits / self.recipe.temperature).log_softmax(1)
        divergence = F.kl_div(ours, theirs, reduction="batchmean", log_target=True)
        weight = self.recipe.distill
        return (1 - weight) * loss + weight * self.recipe.temperature**2 * divergence


def _quickest_convolutions(device: str) -> AbstractContextManager[None]:
    """On a GPU: let cuDNN try its algorithms on the first batch, whose shape all others have."""
    if torch.device(device).type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=True)


def _placed(samples: Samples, device: torch.device) -> Samples:
    """Samples that are in memory go to a GPU's, where half of what is free holds them."""
    if device.type != "cuda" or not isinstance(samples, Arrays):
        return samples
    free, _ = torch.cuda.mem_get_info(device)
    return samples.to(device) if samples.pixels.nbytes < free // 2 else samples


@torch.no_grad()
def evaluate(
    module: nn.Module, samples: Samples, *, batch_size: int = 500, device: str = "cpu"
) -> float:
    """Share of images whose largest logit is that of their label; puts `module` in eval mode.

    Parameters
    ----------
    module : torch.nn.Module
        On `device` already.
    samples : Samples
    batch_size : int
    device : str

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight.nn import BinaryLinear
    >>> from bitlight.training import Arrays
    >>> samples = Arrays(np.zeros((4, 8), np.uint8), np.zeros(4, int))
    >>> 0 <= evaluate(BinaryLinear(8, 2, input_bits=8), samples) <= 1
    True
    """
    module.eval()
    right = 0
    for pixels, labels in samples.in_order(batch_size):
        logits = module(pixels_to_floats(pixels.to(device)))
        right += int((logits.argmax(1).cpu() == labels).sum())
    return right / len(samples)
