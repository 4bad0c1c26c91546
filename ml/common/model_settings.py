"""Settings of the model and training: read from conf/model.yaml, frozen in the snapshot, kept in each checkpoint."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from ml.common.cli import UsageError
from ml.common.settings import Strict, read_yaml, validated


class ModelConfig(Strict):
    """The shape of the Transformer and of the item description."""

    d_model: int = Field(64, ge=4, description="width of every vector; the embedding's length")
    layers: int = Field(2, ge=1)
    heads: int = Field(2, ge=1)
    hidden: int = Field(256, ge=4, description="width of the feed-forward layer")
    max_len: int = Field(128, ge=2, le=256, description="events read, the newest ones")
    dropout: float = Field(0.2, ge=0, lt=1)
    min_count: int = Field(5, ge=1, description="rarer products share one id and keep their description")
    word_buckets: int = Field(8192, ge=16, description="hash buckets of title words")
    title_words: int = Field(12, ge=0, le=64, description="words kept of a title")
    text_encoder: str = Field("none", pattern=r"^(none|use|hf:.+)$", description="see ml/data/text_encoders.py")

    @model_validator(mode="after")
    def _even_heads(self) -> ModelConfig:
        if self.d_model % (2 * self.heads):
            raise ValueError(f"d_model {self.d_model} must be a multiple of 2 x heads ({2 * self.heads}): rotary pairs")
        return self


class TrainConfig(Strict):
    """How the model is trained. `batch_users` counts over all ranks: their number never changes the result."""

    epochs: int = Field(3, ge=1)
    min_steps: int = Field(0, ge=0, description="ml.benchmark: more epochs where a file has fewer steps than this")
    max_steps: int = Field(1_000_000, ge=1, description="ml.benchmark: fewer epochs where a file has more steps")
    batch_users: int = Field(32, ge=1)
    batch_events: int = Field(0, ge=0, description="ml.benchmark: sets batch_users so that a step has about as many")
    validate_every: int = Field(1, ge=1, description="epochs; the last one always")
    members: int = Field(1, ge=1, description="ml.benchmark: trainings whose probabilities are averaged")
    patience: int = Field(0, ge=0, description="ml.benchmark: validations without a gain that end it; 0: never")
    learning_rate: float = Field(2e-3, gt=0)
    warmup_steps: int = Field(30, ge=0)
    weight_decay: float = Field(0.0, ge=0)
    negatives: int = Field(1024, ge=1, description="drawn a step, shared by its batch")
    full_softmax_below: int = Field(2000, ge=0, description="catalogues up to this size use every item")
    validation_users: int = Field(256, ge=0, description="users of the held-out week scored after each epoch")
    seed: int = Field(7, ge=0)


class Config(Strict):
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()

    def flat(self) -> dict[str, str]:
        """MLflow parameters: `model.layers` and so on."""
        return {
            f"{part}.{key}": str(value) for part, values in self.model_dump().items() for key, value in values.items()
        }

    def with_train(self, **overrides: int | float | None) -> Config:
        """The same with the given training settings; None means "as it is". Raises UsageError."""
        kept = {key: value for key, value in overrides.items() if value is not None}
        return validated(Config, self.model_dump() | {"train": self.train.model_dump() | kept}, "the command line")


def load(conf: Path, preset: str | None = None) -> Config:
    """The preset of conf/model.yaml (default: the one that the file names)."""
    path = conf / "model.yaml"
    values = read_yaml(path)
    presets, name = values.get("presets", {}), preset or values.get("preset")
    if name not in presets:
        raise UsageError(f"{path}: expected a preset of {sorted(presets)}, found {name!r}")
    return validated(Config, presets[name], f"{path}, preset {name}")
