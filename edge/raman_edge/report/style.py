"""How the pages look: on a screen light or dark, on A4 in black on white with blue and orange signs.

Nothing is said by colour alone. Blue and orange stay apart in every common form of colour blindness (Okabe and Ito, 2008).
"""

STYLE = """
:root { --paper: #fff; --ink: #16191d; --quiet: #5b636d; --line: #c9ced4; --blue: #0067a5; --orange: #b34700; --shade: #0067a555;
  color-scheme: light dark; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e4e8ec; --quiet: #9aa4af; --line: #3c444d;
  --blue: #62b5ee; --orange: #f0964a; --shade: #62b5ee55; } }
* { box-sizing: border-box; }
:root { font: 15px/1.4 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  overflow-wrap: break-word; }
h1, h2 { font-size: 1.9rem; line-height: 1.15; margin: 0.1em 0 0.2em; }
h3 { font-size: 1rem; margin: 0 0 0.25rem; border-bottom: 1px solid var(--line); }
p { margin: 0.2rem 0; }
article { padding: 1.5rem 0; border-top: 3px solid var(--line); }
article:only-of-type, body > article:first-child { border-top: 0; padding-top: 0; }
header { margin-bottom: 0.7rem; }
header ul { margin: 0.2rem 0; padding-left: 1.2rem; }
.kind { color: var(--quiet); }
.match, .good, .matched { color: var(--blue); }
.possible, .ambiguous, .unknown, .rejected, .fault, .care, .bad, .missing, .extra { color: var(--orange); }
.kind span, .bad, .sheet .match { font-weight: bold; }
.lacks { border-left: 4px solid var(--orange); padding-left: 0.6rem; }
figure { margin: 0.6rem 0; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { font-size: 0.85rem; color: var(--quiet); }
.key { margin-right: 1.2em; white-space: nowrap; }
svg text { font: 21px system-ui, "DejaVu Sans", sans-serif; fill: var(--ink); }
svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
svg .name { font-weight: bold; fill: var(--quiet); }
svg .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 6px; }
svg path { fill: none; stroke: var(--line); stroke-width: 1.5; }
svg .tick { stroke: var(--quiet); }
svg .curve { stroke: var(--ink); stroke-width: 2; stroke-linejoin: round; } .sheet .curve { stroke-width: 3; }
svg .reference { fill: var(--shade); stroke: none; }
svg .agree { stroke: var(--blue); stroke-dasharray: 2 6; }
svg .stick { stroke-width: 3; stroke: var(--quiet); } svg .small { stroke-width: 2; }
svg .stick.matched { stroke: var(--blue); } svg .stick.missing { stroke: var(--orange); stroke-dasharray: 8 5; }
svg .sign { stroke-width: 2.5; } svg .sign.matched { fill: var(--blue); stroke: var(--blue); }
svg .sign.missing, svg .sign.extra { stroke: var(--orange); stroke-width: 3; }
.bar { width: 5rem; height: 0.6rem; display: block; margin-top: 0.35em; }
.bar .filled { fill: var(--blue); } .bar .empty { fill: none; stroke: var(--line); }
.facts-of { columns: 2; column-gap: 2rem; }
.facts-of section { break-inside: avoid; margin: 0 0 0.9rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th { text-align: left; font-weight: normal; vertical-align: top; } td { vertical-align: top; }
.facts th { color: var(--quiet); white-space: nowrap; padding-right: 0.8rem; width: 1%; }
.numbers td, .numbers th + th { text-align: right; font-variant-numeric: tabular-nums; padding-left: 0.6rem; white-space: nowrap; }
.numbers tr:first-child th { color: var(--quiet); }
.facts td, small { overflow-wrap: anywhere; }
.numbers tr > :first-child { width: 99%; min-width: 6.5rem; overflow-wrap: anywhere; }
code { font: 0.85em ui-monospace, "DejaVu Sans Mono", monospace; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 0.6rem; margin: 0.8rem 0; }
.sheet a { color: inherit; min-width: 0; overflow-wrap: anywhere; text-decoration: none;
  border: 1px solid var(--line); padding: 0.4rem; break-inside: avoid; line-height: 1.25; }
.sheet a:hover, .sheet a:focus { border-color: var(--blue); }
.sheet svg { width: 100%; height: auto; display: block; } .sheet small, .score { color: var(--quiet); }
.none { display: grid; place-items: center; aspect-ratio: 12 / 5; color: var(--quiet); }
.sign-off { display: none; }
@media (max-width: 40rem) { .facts-of { columns: 1; } }
@page { size: A4; margin: 12mm 14mm; }
@media print {
  :root { font-size: 8.3pt; line-height: 1.25; } body { max-width: none; padding: 0; }
  h1, h2, h3, header, figcaption { break-after: avoid; }
  h1, h2, h3, tr, figure { break-inside: avoid; } figcaption { break-before: avoid; }
  article { border: 0; padding: 0; } nav ~ article, article + article { break-before: page; }
  .facts-of { columns: 2; column-gap: 7mm; } .facts-of section { margin-bottom: 2mm; }
  .sheet { grid-template-columns: repeat(4, 1fr); gap: 3mm; } .sheet a { padding: 1.5mm; }
  .sign-off { display: block; } .room { height: 14mm; }
  .lines { display: grid; grid-template-columns: repeat(3, 1fr); gap: 4mm; }
  .lines span { display: block; border-top: 1px solid var(--quiet); color: var(--quiet); }
}
"""
