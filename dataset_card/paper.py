"""The paper that the dataset follows, as a citation."""

from __future__ import annotations

TITLE = "Towards Video-based Activated Muscle Group Estimation in the Wild"
AUTHORS = (
    "Kunyu Peng",
    "David Schneider",
    "Alina Roitberg",
    "Kailun Yang",
    "Jiaming Zhang",
    "Chen Deng",
    "Kaiyu Zhang",
    "M. Saquib Sarfraz",
    "Rainer Stiefelhagen",
)
VENUE = "Proceedings of the 32nd ACM International Conference on Multimedia (MM '24)"
YEAR = 2024
DOI = "10.1145/3664647.3680630"
URL = f"https://doi.org/{DOI}"

BIBTEX = f"""@inproceedings{{peng2024musclemap,
  title     = {{{TITLE}}},
  author    = {{{" and ".join(AUTHORS)}}},
  booktitle = {{{VENUE}}},
  year      = {{{YEAR}}},
  publisher = {{ACM}},
  doi       = {{{DOI}}}
}}"""
