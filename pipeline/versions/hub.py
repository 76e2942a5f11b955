"""A version into a dataset repository of the Hugging Face Hub: all of it in one commit, and its card at the root.

The Hub asks for a file's SHA-256 first and takes only bytes that it does not have, so that a broken upload goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, DatasetCard, HfApi
from huggingface_hub.errors import HfHubHTTPError

from pipeline.errors import UserError

CARD = "README.md"


def repository(url: str) -> str:
    """owner/name of hf://datasets/owner/name. Raises UserError."""
    parts = url.removeprefix("hf://").split("/")
    if len(parts) != 3 or parts[0] != "datasets":
        raise UserError(f"{url}: a version needs a repository of its own; write hf://datasets/owner/name")
    return "/".join(parts[1:])


def commit(url: str, root: Path, version: str, names: Sequence[str], beside: dict[str, bytes], gone: list[str]) -> None:
    """Adds the version's files and `beside` (name at the root → bytes) and removes the versions `gone`, all at once.

    A repository that is not there yet is made, private: opening it is its owner's decision. Raises UserError.
    """
    operations: list[Any] = [CommitOperationAdd(f"{version}/{name}", str(root / name)) for name in names]
    operations += [CommitOperationAdd(name, content) for name, content in beside.items()]
    operations += [CommitOperationDelete(f"{old}/", is_folder=True) for old in gone]
    repo, api = repository(url), HfApi()
    try:
        api.create_repo(repo, repo_type="dataset", private=True, exist_ok=True)
        api.create_commit(repo, operations, commit_message=f"Version {version}", repo_type="dataset")
    except (HfHubHTTPError, OSError) as error:
        raise UserError(f"{url}: {error}; log in with `hf auth login`, and run the same command again") from None


def forget(url: str, digests: set[str]) -> None:
    """Removes what versions before held also from the repository's history: these files, and every old commit."""
    repo, api = repository(url), HfApi()
    try:
        api.super_squash_history(repo, repo_type="dataset")
        files = [file for file in api.list_lfs_files(repo, repo_type="dataset") if file.file_oid in digests]
        api.permanently_delete_lfs_files(repo, files, repo_type="dataset")
    except (HfHubHTTPError, OSError) as error:
        raise UserError(f"{url}: old versions are still in its history ({error}); delete the repository") from None


def root_card(root: Path, version: str) -> dict[str, bytes]:
    """The version's card as the repository's own: its viewer looks for data and figures from the root."""
    if not (root / CARD).is_file():
        return {}
    card = DatasetCard((root / CARD).read_text(encoding="utf-8"))
    for config in card.data.get("configs") or []:
        for files in config["data_files"]:
            files["path"] = f"{version}/{files['path']}"
    body = card.text.replace("](figures/", f"]({version}/figures/")
    return {CARD: f"---\n{card.data.to_yaml()}\n---\n{body}".encode()}
