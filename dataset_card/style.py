"""The style of the page: light and dark, wide and narrow."""

STYLE = """\
:root {
  color-scheme: light dark;
  --ink: #1c2128; --soft: #5b6470; --ground: #ffffff; --panel: #f4f6f8; --line: #d9dee4; --accent: #0b63a5;
  --chip: #dcebf7; --new: #d9f0e6; --new-ink: #075f42;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ee; --soft: #9aa4b2; --ground: #14171c; --panel: #1c2128; --line: #343b45; --accent: #7ebcf0;
    --chip: #1f3a52; --new: #163c30; --new-ink: #8fe0bd;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 84rem; padding: 1.5rem clamp(1rem, 3vw, 2.5rem) 4rem;
  font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); }
h1 { font-size: 1.9rem; margin: 0 0 .2rem; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { max-width: 46rem; margin: .4rem 0; }
a { color: var(--accent); }
.soft { color: var(--soft); }
.numbers { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.2rem 0; padding: 0; list-style: none; }
.numbers li { padding: .5rem 1rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--panel); }
.numbers b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
.side { display: flex; flex-wrap: wrap; gap: 0 3rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
.words { text-align: left; }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
thead th, tfoot td { color: var(--soft); font-weight: 600; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; }
.clip { display: grid; grid-template-columns: minmax(0, 5fr) minmax(17rem, 3fr); gap: .8rem 1.5rem;
  padding: 1rem 0; border-top: 1px solid var(--line); }
.clip h3 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }
.clip code { font-size: .8rem; color: var(--soft); overflow-wrap: anywhere; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .5rem; align-items: start; }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; border-radius: .3rem; background: var(--panel); }
figcaption { font-size: .8rem; color: var(--soft); }
.lost { padding: 1rem; border: 1px dashed var(--line); font-size: .8rem; overflow-wrap: anywhere; }
.chips { display: flex; flex-wrap: wrap; gap: .3rem; margin: .5rem 0; padding: 0; list-style: none; }
.chips li { padding: 0 .55rem; border-radius: 1rem; background: var(--chip);
  font-size: .85rem; overflow-wrap: anywhere; }
.new { padding: 0 .5rem; border-radius: 1rem; background: var(--new); color: var(--new-ink); font-size: .75rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 .8rem; margin: .5rem 0 0; font-size: .8rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 55rem) { .clip { grid-template-columns: 1fr; } }
"""
