"""A model as a folder of Hugging Face: what `AutoModel.from_pretrained(folder, trust_remote_code=True)` loads."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from ml.common.cli import UsageError
from ml.common.files import write_json
from ml.data.vocabulary import UNKNOWN
from ml.hugging_face.card import Origin, card
from ml.transformer.encoder import Encoder
from ml.transformer.readout import Readout

CODE = Path(__file__).with_name("modeling_huaxiang.py")
CONFIG, EXTRACTOR, WEIGHTS, CARD = "config.json", "preprocessor_config.json", "model.safetensors", "README.md"
FILES = {CONFIG, EXTRACTOR, WEIGHTS, CARD, CODE.name}


def write(encoder: Encoder, folder: Path, origin: Origin) -> None:
    """The encoder with the products of its catalogue, each as one vector. origin: what the card says of it.

    Raises UsageError where the folder holds files of something else.
    """
    foreign = sorted({path.name for path in folder.iterdir()} - FILES) if folder.is_dir() else []
    if foreign:
        raise UsageError(f"--hf: expected an empty folder or an earlier export at {folder}, found {foreign[0]}")
    folder.mkdir(parents=True, exist_ok=True)
    config, outlook = encoder.model.config, None if encoder.readout is None else encoder.readout.outlook
    write_json(folder / CONFIG, {
        "model_type": "huaxiang", "architectures": ["HuaxiangModel"], "dtype": "float32",
        "auto_map": {"AutoConfig": f"{CODE.stem}.HuaxiangConfig", "AutoModel": f"{CODE.stem}.HuaxiangModel"},
        "d_model": config.d_model, "layers": config.layers, "heads": config.heads, "hidden": config.hidden,
        "products": len(encoder.vectors_ID),
        "block_units": None if encoder.readout is None else encoder.readout.unit_2.tolist(),
        "outlook": None if outlook is None else [*outlook.first_JH.shape, len(outlook.out_O)],
    })  # fmt: skip
    write_json(folder / EXTRACTOR, {
        "feature_extractor_type": "HuaxiangFeatureExtractor",
        "auto_map": {"AutoFeatureExtractor": f"{CODE.stem}.HuaxiangFeatureExtractor"},
        "max_len": config.max_len, **_vocabulary(encoder),
        **({} if outlook is None else {
            "time_mean": outlook.mean_J.tolist(), "time_scale": outlook.scale_J.tolist(),
        }),
    })  # fmt: skip
    save_file(_weights(encoder), folder / WEIGHTS, metadata={"format": "pt"})
    (folder / WEIGHTS).chmod((folder / CONFIG).stat().st_mode)  # safetensors lets the owner alone read it
    shutil.copyfile(CODE, folder / CODE.name)
    (folder / CARD).write_text(card(encoder, origin), encoding="utf-8")


def _weights(encoder: Encoder) -> dict[str, torch.Tensor]:
    """Those of the model, the descriptions of products made into their vectors, the popularity into what it adds."""
    kept = {name: weight for name, weight in encoder.model.state_dict().items()
            if not name.startswith(("features.", "text.")) and name != "popularity"}  # fmt: skip
    kept |= {"items.weight": encoder.vectors_ID, "popularity_I": encoder.prior()[-len(encoder.catalogue.product_ids) :]}
    kept |= _outlook(encoder.readout)
    return {name: weight.detach().cpu().contiguous() for name, weight in kept.items()}


def _outlook(readout: Readout | None) -> dict[str, torch.Tensor]:
    """The layers of the outlook, the scale of its block made a part of the last one; none where nothing was learned."""
    if readout is None or readout.outlook is None:
        return {}
    of, unit_O = readout.outlook, readout.unit_O
    layers = {0: (of.first_JH, of.first_H), 2: (of.second_HH, of.second_H),
              4: (of.out_HO / unit_O, (of.out_O - readout.middle_O) / unit_O)}  # fmt: skip
    arrays = {f"outlook.{place}.{name}": array for place, (weight, bias) in layers.items()
              for name, array in (("weight", weight.T), ("bias", bias))}  # fmt: skip
    return {name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()}


def _vocabulary(encoder: Encoder) -> dict[str, object]:
    types, known = encoder.vocabularies.event_type, encoder.vocabularies
    return {
        "product_ids": encoder.catalogue.product_ids.to_pylist(),
        "event_types": {name: int(id_) for name, id_ in zip(types.names.to_pylist(), types.ids, strict=True)
                        if id_ != UNKNOWN},
        "price_shift": max(map(int, known.price.names.to_pylist()), default=0),
        "shop_clock": known.reads_shop_hours,
    }  # fmt: skip
